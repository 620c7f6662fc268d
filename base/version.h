#ifndef BULLA_BASE_VERSION_H
#define BULLA_BASE_VERSION_H

#define VERSION_STRING_(x) #x
#define VERSION_STRING(x) VERSION_STRING_(x)

/** Of all programs, "0.1.0": the Makefile's. */
#define VERSION_TEXT VERSION_STRING(BULLA_VERSION)

#endif
