# make [MODE=release|asan|tsan|cov] [all|check]
# make demo|test|lint|fuzz|deps|install|uninstall|clean
# make format|compile_commands.json|check-install|check-hardening|reproducible
# Two commands for a fresh Debian 12: `make demo` and `make test`. Both say what they install.
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

MODE      ?= release
PREFIX    ?= /usr/local
DESTDIR   ?=
WERROR    ?=
CFLAGS    ?=
LDFLAGS   ?=
FUZZ_TIME ?= 60
V         ?=
ifeq ($(origin CC),default)
CC := gcc
endif

# A machine without compiler and libraries must get as far as `make deps`: what is missing is only
# silence here, and an error in the first recipe that compiles.
family := $(if $(shell $(CC) -dM -E -x c /dev/null 2>/dev/null | grep -w __clang__),clang,gcc)
arch   := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
O      := build/$(MODE)-$(family)

progs := sign verify webhook
layers := base registry keys trust evidence policy engine
dirs  := $(layers) $(progs)
mains := $(progs:%=%/main.c)
core  := $(filter-out $(mains),$(sort $(wildcard $(dirs:%=%/*.c))))
unit  := $(sort $(wildcard tests/unit/test_*.c))
fault := $(sort $(wildcard tests/fault/fault_*.c))
fuzz  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
support := $(sort $(wildcard tests/fault/inject.c tests/fuzz/replay.c))
vectors := $(wildcard tests/fuzz/corpus/*/* tests/vectors/*/* tests/vectors/*/*/* \
             tests/vectors/*/*/*/*)
all_c := $(core) $(mains) $(unit) $(fault) $(fuzz) $(support)

pkgs := openssl libsodium libcurl jansson yaml-0.1
incs := $(shell pkg-config --cflags $(pkgs) 2>/dev/null)
libs := $(shell pkg-config --libs $(pkgs) 2>/dev/null)
# Only `webhook` serves: the other programs' start-up does not pay for these.
serving := libmicrohttpd gnutls
serving_libs := $(shell pkg-config --libs $(serving) 2>/dev/null)
have_libs := $(and $(libs),$(serving_libs))
libs += -pthread
test_libs := -lcmocka $(serving_libs) $(libs)
version := $(shell cat VERSION)

warn := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wvla \
        -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wformat=2 \
        -Wwrite-strings -Wcast-qual -Wpointer-arith -Wswitch-enum -Wimplicit-fallthrough \
        -Wnull-dereference -Wdouble-promotion -Wdate-time $(if $(WERROR),-Werror)
warn.gcc   := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wformat-signedness \
              -Wjump-misses-init -Wcast-align=strict -Wtrampolines
warn.clang := -Wcomma -Wshorten-64-to-32 -Wassign-enum -Wmissing-variable-declarations
hard       := -fstack-protector-strong -fstack-clash-protection -fno-strict-overflow \
              -fno-delete-null-pointer-checks -fno-common -fPIE
hard.gcc   := -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
hard.clang := -ftrivial-auto-var-init=pattern
hard.x86_64  := -fcf-protection=full
hard.aarch64 := -mbranch-protection=standard
hard.all     := $(hard) $(hard.$(family)) $(if $(filter x86_64 aarch64,$(arch)),$(hard.$(arch)))

san := -fno-omit-frame-pointer -fno-sanitize-recover=all
mode.release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(hard.all)
mode.asan    := -O1 -g -U_FORTIFY_SOURCE $(san) -fsanitize=address,undefined
mode.tsan    := -O1 -g -U_FORTIFY_SOURCE $(san) -fsanitize=thread
mode.cov     := -O0 -g -U_FORTIFY_SOURCE --coverage
mode.fuzz    := $(mode.asan) -fsanitize=fuzzer-no-link
link.release := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed
link.asan    := $(mode.asan)
link.tsan    := $(mode.tsan)
link.cov     := --coverage
link.fuzz    := $(mode.asan)
$(if $(filter $(MODE),release asan tsan cov fuzz),,$(error unknown MODE '$(MODE)'))

dialect := -std=c17 -D_GNU_SOURCE -DBULLA_VERSION=$(version) -I. $(incs)
compile := $(CC) $(dialect) $(warn) $(warn.$(family)) $(mode.$(MODE)) \
           -ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
link    := $(CC) $(link.$(MODE)) $(LDFLAGS)
quiet   := $(if $(V),,@)

# cmocka catches SIGSEGV first and would hide the sanitizer's stack; an allocation too large is a
# failed one, as without sanitizer.
ASAN_OPTIONS  ?= handle_segv=2:detect_stack_use_after_return=1:allocator_may_return_null=1
TSAN_OPTIONS  ?= allocator_may_return_null=1
UBSAN_OPTIONS ?= print_stacktrace=1
export ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS

objs  := $(all_c:%.c=$(O)/%.o)
bins  := $(progs:%=bin/%)
tests := $(unit:%.c=$(O)/%) $(fault:%.c=$(O)/%) $(fuzz:%.c=$(O)/%)
driver  := $(if $(filter fuzz,$(MODE)),,$(O)/tests/fuzz/replay.o)
wrapped := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup

.PHONY: all deps demo test check fuzz fuzz-run install uninstall lint lint-all tidy cppcheck \
        check-format check-layers check-headers check-banned check-scripts check-install \
        check-hardening reproducible format clean FORCE
all: $(progs:%=$(O)/%.bin)
ifeq ($(MODE),release)
all: $(bins)
endif

$(O)/flags: FORCE               # rebuild when the compiler or any flag changes
	$(if $(have_libs),,$(error missing: $(pkgs) $(serving). `make deps` installs what is missing))
	@mkdir -p $(@D)
	@echo '$(compile) // $(link)' | cmp -s - $@ || echo '$(compile) // $(link)' > $@

$(objs): $(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(quiet)$(compile) -MMD -MP -c -o $@ $<

$(O)/core.a: $(core:%.c=$(O)/%.o)
	@rm -f $@
	$(quiet)$(AR) rcsD $@ $^

$(progs:%=$(O)/%.bin): $(O)/%.bin: $(O)/%/main.o $(O)/core.a
	$(if $(V),,@echo "  LINK    $@")
	$(quiet)$(link) -o $@ $^ $(if $(filter webhook,$*),$(serving_libs)) $(libs)

$(bins): bin/%: $(O)/%.bin FORCE # by content: the other compiler's may be there, and newer
	@mkdir -p bin
	@cmp -s $< $@ || cp -f $< $@

deps: ; @sh tools/deps.sh build test

# Each begins with what is missing, then starts over with a Makefile that finds it; on every
# processor, unless the caller chose otherwise.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
demo:
	@sh tools/deps.sh build demo
	@$(MAKE) --no-print-directory $(jobs) all
	@sh tests/demo.sh

test:
	@sh tools/deps.sh build test
	@$(MAKE) --no-print-directory $(jobs) -k all check; sh tools/summary.sh $$? $(tests)

$(unit:%.c=$(O)/%): %: %.o $(O)/core.a
	$(if $(V),,@echo "  LINK    $@")
	$(quiet)$(link) -o $@ $^ $(test_libs)
$(fault:%.c=$(O)/%): %: %.o $(O)/tests/fault/inject.o $(O)/core.a
	$(if $(V),,@echo "  LINK    $@")
	$(quiet)$(link) $(wrapped) -o $@ $^ $(test_libs)
$(fuzz:%.c=$(O)/%): %: %.o $(driver) $(O)/core.a
	$(if $(V),,@echo "  LINK    $@")
	$(quiet)$(link) $(if $(driver),,-fsanitize=fuzzer) -o $@ $^ $(serving_libs) $(libs)

check: $(tests:%=%.ok)          # one stamp per test program: parallel, restartable
$(tests:%=%.ok): %.ok: % $(vectors)
	$(if $(V),,@echo "  TEST    $<")
	@rm -f $@
	$(quiet)./$< $(wildcard tests/fuzz/corpus/$(patsubst fuzz_%,%,$(notdir $<))/*) > $<.log 2>&1 || \
	    { cat $<.log; exit 1; }
	@touch $@

fuzz:
	@sh tools/deps.sh build fuzz
	@$(MAKE) --no-print-directory MODE=fuzz CC=clang fuzz-run
fuzz-run: $(fuzz:%.c=$(O)/%)
	set -e; for t in $^; do n=$${t##*/fuzz_}; mkdir -p $(O)/new/$$n; \
	    ./$$t -max_total_time=$(FUZZ_TIME) -artifact_prefix=$(O)/$$n- $(O)/new/$$n \
	        tests/fuzz/corpus/$$n; done

compile_commands.json: Makefile
	@{ s='['; for f in $(sort $(all_c)); do \
	    printf '%s{"directory":"%s","file":"%s","command":"%s"}\n' "$$s" \
	    '$(CURDIR)' "$$f" "$(compile) -c $$f"; \
	    s=','; done; echo ']'; } > $@

# --- install -------------------------------------------------------------------------------------

bindir  := $(PREFIX)/bin
mandir  := $(PREFIX)/share/man
bashdir := $(PREFIX)/share/bash-completion/completions
zshdir  := $(PREFIX)/share/zsh/site-functions
man1    := $(sort $(wildcard docs/man/*.1))
man5    := $(sort $(wildcard docs/man/*.5))
bash    := $(sort $(wildcard completions/*.bash))
zsh     := $(sort $(wildcard completions/*.zsh))
installed := $(progs:%=$(bindir)/%) $(man1:docs/man/%=$(mandir)/man1/%) \
             $(man5:docs/man/%=$(mandir)/man5/%) $(bash:completions/%.bash=$(bashdir)/%) \
             $(zsh:completions/%.zsh=$(zshdir)/_%)

install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 \
	    $(DESTDIR)$(bashdir) $(DESTDIR)$(zshdir)
	set -e; for p in $(progs); do install -m 755 $(O)/$$p.bin $(DESTDIR)$(bindir)/$$p; done
	$(if $(man1),install -m 644 $(man1) $(DESTDIR)$(mandir)/man1)
	$(if $(man5),install -m 644 $(man5) $(DESTDIR)$(mandir)/man5)
	set -e; for f in $(bash); do n=$${f##*/}; \
	    install -m 644 $$f $(DESTDIR)$(bashdir)/$${n%.bash}; done
	set -e; for f in $(zsh); do n=$${f##*/}; \
	    install -m 644 $$f $(DESTDIR)$(zshdir)/_$${n%.zsh}; done

uninstall: ; rm -f $(installed:%=$(DESTDIR)%)

check-install: all
	@rm -rf $(O)/stage
	@$(MAKE) -s --no-print-directory install DESTDIR=$(CURDIR)/$(O)/stage
	@for f in $(installed); do test -s $(O)/stage$$f || { echo "not installed: $$f"; exit 1; }; done
	@for p in $(progs); do $(O)/stage$(bindir)/$$p --version >/dev/null || exit 1; done
	@$(MAKE) -s --no-print-directory uninstall DESTDIR=$(CURDIR)/$(O)/stage
	@left=$$(find $(O)/stage ! -type d); test -z "$$left" || { echo "left behind: $$left"; exit 1; }
	@rm -rf $(O)/stage
	@echo 'install: fine'

# --- checks of the source and of what is built ----------------------------------------------------

lint:
	@sh tools/deps.sh build lint
	@$(MAKE) --no-print-directory $(jobs) -k lint-all
lint-all: tidy cppcheck check-format check-layers check-headers check-banned check-scripts

# One stamp per file, renewed with its object: so after a change of a header too.
tidied   := $(filter-out tests/unit/% tests/fault/%,$(all_c))
headers  := $(sort $(wildcard $(dirs:%=%/*.h)))
ours     := $(headers) $(sort $(all_c) $(wildcard tests/*/*.h))
scripts  := $(sort $(wildcard tools/*.sh deploy/*.sh tests/*.sh tests/*/*.sh .ci/run))

hints = $(if $(filter base/err.c tests/fuzz/replay.c,$<),,-include tools/tidy.h)
tidy: $(tidied:%.c=$(O)/%.tidy)
$(tidied:%.c=$(O)/%.tidy): $(O)/%.tidy: %.c $(O)/%.o .clang-tidy tools/tidy.h
	$(if $(V),,@echo "  TIDY    $<")
	$(quiet)clang-tidy --quiet $< -- $(dialect) $(hints) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

# It does not see the system's headers: what ours demand of them is told. Uninitialised variables
# are clang-tidy's, which follows the paths that this one guesses.
cppcheck: $(O)/flags
	@mkdir -p $(O)/cppcheck
	cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,portability,performance \
	    --inline-suppr --suppress=missingIncludeSystem --suppress=uninitvar --error-exitcode=1 \
	    -j 2 --cppcheck-build-dir=$(O)/cppcheck -D_GNU_SOURCE -DBULLA_VERSION=$(version) \
	    -DLIBCURL_VERSION_NUM=0x075800 -I. $(tidied)

check-format: ; clang-format --dry-run -Werror $(ours)
format: ; clang-format -i $(ours)
check-layers: $(core:%.c=$(O)/%.o) $(mains:%.c=$(O)/%.o) ; sh tools/check-layers.sh $(O)
check-banned: $(O)/core.a $(mains:%.c=$(O)/%.o) ; sh tools/check-banned.sh $^
# SC2034: what a file of functions sets for those who read it looks unused.
check-scripts: ; shellcheck --severity=warning --exclude=SC2034 $(scripts)

check-headers: $(headers:%=$(O)/%.alone)
$(headers:%=$(O)/%.alone): $(O)/%.alone: % $(O)/flags $(headers)
	@mkdir -p $(@D)
	@printf '#include "%s"\n#include "%s"\nextern int alone;\n' $< $< | \
	    $(compile) -Werror -fsyntax-only -x c -
	@touch $@

check-hardening: $(progs:%=$(O)/%.bin) ; sh tools/check-hardening.sh $^

# Two copies in folders of different names: one set of bytes.
reproducible:
	@sh tools/check-reproducible.sh $(O)/reproducible $(progs:%=bin/%)

clean: ; rm -rf build bin compile_commands.json

-include $(objs:.o=.d)
