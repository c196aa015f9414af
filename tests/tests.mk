# Tests: included by the Makefile.  What they link comes from one archive, so
# that a test never has to say which objects it needs.

TESTLIB = $(O)/tests/libpostmulti.a
TESTLIB_OBJS = $(filter-out bin/main bin/policy%,$(sort $(filter bin/% \
	      libcommon/% policy/%,$(foreach p,$(PROGRAMS),$($(p)_OBJS)))))

TOOLS   = $(patsubst tests/tools/%.c,$(O)/tests/%,$(filter-out \
	      tests/tools/nosleep.c,$(wildcard tests/tools/*.c))) \
	  $(O)/tests/nosleep.so
UNITS   = $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/*.c))

# What crashwalk and swapwalk are made of besides.
CRASH_OBJS = $(patsubst %.c,$(O)/%.o,$(wildcard tests/crash/*.c))

tools: $(TOOLS)
units: $(UNITS)
.SECONDARY: $(UNITS:%=%.o) $(TOOLS:%=%.o)

$(TESTLIB): $(TESTLIB_OBJS:%=$(O)/%.o)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

$(O)/tests/%.o: tests/tools/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) "  CC   $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/tests/%.o: tests/unit/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) "  CC   $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/tests/%.so: tests/tools/%.c
	@mkdir -p $(@D)
	$(SAY) "  CC   $@"
	$(QUIET)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -fPIC -shared -o $@ $<

$(O)/tests/crashwalk $(O)/tests/swapwalk: $(CRASH_OBJS)
$(O)/tests/test_%: $(O)/tests/test_%.o $(TESTLIB)
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(O)/tests/%: $(O)/tests/%.o $(TESTLIB)
	$(SAY) "  LINK $@"
	$(QUIET)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- fuzzing ---------------------------------------------------------------------
#
# A fuzzer is tests/fuzz/NAME.c and one line here: what it is about.

FUZZ_policy = $(POLICY_OBJS) libcommon/err libcommon/path libcommon/path_read

FUZZ_SECONDS = 60
FUZZERS = $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_CC = clang -g -O1 -fsanitize=fuzzer,address,undefined \
	      -fno-sanitize-recover=all

define fuzzer
$(O)/fuzz/$(1): tests/fuzz/$(1).c $$(FUZZ_$(1):%=%.c) Makefile \
	      $$(wildcard policy/*.h libcommon/*.h)
	@mkdir -p $$(@D)
	$$(SAY) "  FUZZ $$@"
	$$(QUIET)$$(FUZZ_CC) $$(DEFINES) $$(WARN) -std=gnu11 -o $$@ \
	    $$(filter %.c,$$^) $$(LIBS)
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzzer,$(notdir $(f)))))

fuzz: $(FUZZERS) ## look for inputs that break a parser, FUZZ_SECONDS=60 each
	FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(FUZZERS)

.PHONY: fuzz

# What the targets below build is built on all processors.
PARALLEL = -j"$$(nproc)"

# --- make check ---------------------------------------------------------------

check: ## all tests; last line: N passed, N failed, N skipped
	tests/deps
	$(MAKE) $(PARALLEL) all tools $(UNITS) $(FUZZERS)
	$(MAKE) $(PARALLEL) O=$(O)/usr prefix=/usr all
	$(MAKE) $(PARALLEL) O=$(O)/asan HARDEN=-fPIE SECTIONS= \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover' units
	BUILD='$(O)' SECONDS_EACH=900 tests/run tests/differential/sequences \
	    $(wildcard tests/crash/*.sh) \
	    $(UNITS) $(UNITS:$(O)/%=$(O)/asan/%) tests/golden/run \
	    tests/golden/page tests/lines tests/fuzz/run \
	    tests/differential/run tests/differential/maincf.py \
	    $(wildcard tests/e2e/*.sh)

check-long: ## what check does shorter: no-sleep proved harmless, 5,000 files, every call
	tests/deps
	$(MAKE) $(PARALLEL) all tools
	$(MAKE) $(PARALLEL) O=$(O)/usr prefix=/usr all
	BUILD='$(O)' tests/differential/sequences --count 20 --real
	BUILD='$(O)' tests/differential/maincf.py --count 5000 --seed 2026
	BUILD='$(O)' THOROUGH=1 SECONDS_EACH=7200 tests/run \
	    tests/crash/kill.sh tests/crash/kill_delegate.sh \
	    tests/crash/fail.sh tests/crash/fail_delegate.sh

.PHONY: check-long

# --- make lint -----------------------------------------------------------------

SOURCES = $(wildcard bin/*.[ch] helpers/*.[ch] helpers/*/*.[ch] libcommon/*.[ch] policy/*.[ch] \
	      tests/tools/*.[ch] tests/unit/*.[ch] tests/crash/*.[ch] \
	      tests/fuzz/*.c)
SCRIPTS = .ci/run helpers/install helpers/uninstall tests/deps tests/demo tests/run tests/lines \
	      tests/include-direction tests/hardened \
	      tests/golden/run tests/fuzz/run tests/fuzz/policy.seeds \
	      tests/host/enter $(wildcard tests/host/*.sh \
	      tests/e2e/*.sh tests/crash/*.sh)

lint: ## compilers without a warning, formats, static analysis, ELF hardening
	tests/deps
	$(MAKE) $(PARALLEL) O=$(O)/gcc CC=gcc WERROR=-Werror all tools
	$(MAKE) $(PARALLEL) O=$(O)/clang CC=clang WERROR=-Werror all tools
	clang-format --dry-run -Werror $(SOURCES)
	cppcheck --quiet --error-exitcode=1 --inline-suppr \
	    --enable=warning,performance,portability \
	    --suppress=missingIncludeSystem -Ilibcommon -Ipolicy -Ibin \
	    -Ihelpers bin helpers libcommon policy
	printf '%s\n' -std=gnu11 $(subst -iquote ,-iquote $(CURDIR)/,$(DEFINES)) \
	    > $(O)/compile_flags.txt
	printf '%s\n' helpers/*.c helpers/*/*.c libcommon/*.c policy/*.c \
	    bin/*.c | xargs -n 6 \
	    -P "$$(nproc)" clang-tidy --quiet -p $(O) --warnings-as-errors='*'
	shellcheck -x -P SCRIPTDIR -S warning $(SCRIPTS)
	mandoc -Tlint -Wwarning man/*.[158]
	tests/include-direction
	tests/hardened $(PROGRAMS:%=$(O)/gcc/%)
