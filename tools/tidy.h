/* Included before each file that clang-tidy reads, base/err.c aside. The analyzer sees one file at
 * a time and cannot know that these never return 0; without it every failing path seems to go on.
 */
#include "base/err.h"

/* NOLINTBEGIN */
#define err_set(...) ((void)(err_set)(__VA_ARGS__), -1)
#define err_sys(...) ((void)(err_sys)(__VA_ARGS__), -1)
#define err_wrap(...) ((void)(err_wrap)(__VA_ARGS__), -1)
/* NOLINTEND */
