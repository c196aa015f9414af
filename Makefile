# postmulti: build, test and install.  `make help` lists the targets.
#
# The OBJS lines are the privilege map: what a set-uid helper contains is
# exactly what its line says.

VERSION     = 0.1
prefix      = /usr/local
sbindir     = $(prefix)/sbin
libexecdir  = $(prefix)/libexec
mandir      = $(prefix)/share/man
sysconfdir  = /etc
sysusersdir = /usr/lib/sysusers.d
DESTDIR     =
# The group that may reach the helpers, and the user root's reader becomes.
GROUP       = postmulti
# Where the installed Postfix's postconf(1) is: everything else about Postfix
# is asked of it.
POSTCONF    = /usr/sbin/postconf

CC          = cc
O           = build
OPT         = -O2 -g
WERROR      =
WARN        = -Wall -Wextra -Wpedantic -Wshadow -Wformat=2 \
	      -Wno-format-nonliteral -Wstrict-prototypes -Wmissing-prototypes \
	      -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	      -Wimplicit-fallthrough
HARDEN      = -fPIE -fstack-protector-strong -fstack-clash-protection \
	      -fcf-protection=full -D_FORTIFY_SOURCE=2 -fno-strict-overflow
# Functions that nobody calls aren't kept in a set-uid program either.
SECTIONS    = -ffunction-sections -fdata-sections
HARDEN_LD   = -Wl,--gc-sections -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code \
	      -Wl,--as-needed
SANITIZE    =
DEFINES     = -D_GNU_SOURCE -iquote libcommon -iquote policy -iquote bin \
	      -iquote helpers \
	      -DVERSION='"$(VERSION)"' \
	      -DPATH_SBIN='"$(sbindir)"' \
	      -DPATH_HELPERS='"$(libexecdir)/postmulti"' \
	      -DPATH_POLICY='"$(sysconfdir)/postmulti"' \
	      -DPATH_STATE='"/var/lib/postmulti"' \
	      -DPATH_CACHE='"/var/cache/postmulti"' \
	      -DPATH_POSTCONF='"$(POSTCONF)"' \
	      -DSYSTEM_USER='"$(GROUP)"'
CFLAGS      = -std=gnu11 $(OPT) $(WARN) $(WERROR)
ALL_CFLAGS  = $(DEFINES) $(CPPFLAGS) $(CFLAGS) $(HARDEN) $(SECTIONS) $(SANITIZE)
ALL_LDFLAGS = $(HARDEN_LD) $(SANITIZE) $(LDFLAGS)

# --- what each binary is made of --------------------------------------------

READ_OBJS   = libcommon/err libcommon/path libcommon/path_read \
	      libcommon/name libcommon/shared \
	      libcommon/maincf libcommon/maincf_expand \
	      libcommon/compare libcommon/text \
	      libcommon/defaults libcommon/site libcommon/subject
POLICY_OBJS = policy/action policy/lex policy/parse policy/load policy/decide
DROP_OBJS   = libcommon/privs libcommon/sandbox
FRAME_OBJS  = libcommon/proto libcommon/frame

postmulti_OBJS = $(READ_OBJS) $(POLICY_OBJS) $(DROP_OBJS) $(FRAME_OBJS) \
	      libcommon/spawn libcommon/filter_reader libcommon/caller \
	      $(patsubst %.c,%,$(filter-out bin/policy%,$(wildcard bin/*.c)))
postmulti-policy_OBJS = $(READ_OBJS) $(POLICY_OBJS) $(DROP_OBJS) \
	      libcommon/spawn libcommon/caller \
	      $(patsubst %.c,%,$(wildcard bin/policy*.c))
# Everything that parses, for the helpers; not set-uid.
postmulti-judge_OBJS = $(READ_OBJS) $(POLICY_OBJS) $(DROP_OBJS) \
	      $(FRAME_OBJS) libcommon/caller libcommon/lock \
	      libcommon/record libcommon/record_read libcommon/log \
	      helpers/channel helpers/page helpers/ours \
	      $(patsubst %.c,%,$(wildcard helpers/judge/*.c))

# What works in the queue as mail_owner, for postmulti-dirs; not set-uid.
postmulti-cleaner_OBJS = libcommon/err libcommon/path libcommon/sandbox \
	      libcommon/lock libcommon/log helpers/channel helpers/page \
	      helpers/ours \
	      $(patsubst %.c,%,$(wildcard helpers/cleaner/*.c))

# Set-uid: no parser in here.
HELPER_OBJS = libcommon/err libcommon/path libcommon/privs \
	      libcommon/proto libcommon/startup libcommon/caller \
	      libcommon/log libcommon/lock policy/action \
	      helpers/helper helpers/ask helpers/channel helpers/audit \
	      helpers/detach
# What works under a filter, and changes things under a lock.
CONFINED_OBJS = $(HELPER_OBJS) libcommon/sandbox libcommon/record \
	      helpers/confine helpers/page
postmulti-config_OBJS = $(CONFINED_OBJS) libcommon/path_read \
	      libcommon/name libcommon/edit libcommon/shared \
	      helpers/config helpers/config_install helpers/cffile
postmulti-dirs_OBJS = $(CONFINED_OBJS) libcommon/record_write \
	      helpers/dirs helpers/dirs_make helpers/dirs_clear \
	      helpers/dirs_tell helpers/dirs_cleaner helpers/ours
# What it starts would inherit a filter: it has none.
postmulti-exec_OBJS = $(HELPER_OBJS) libcommon/path_read helpers/exec \
	      helpers/exec_reset

HELPERS     = postmulti-config postmulti-dirs postmulti-exec
PROGRAMS    = postmulti postmulti-policy postmulti-judge postmulti-cleaner \
	      $(HELPERS)
LIBS        = -lbsd -lcap -lseccomp

MAN1        = postmulti postmulti-policy
MAN5        = postmulti.policy
MAN8        = postmulti-config postmulti-dirs postmulti-exec

# --- targets -------------------------------------------------------------------

all: $(PROGRAMS:%=$(O)/%) ## build everything (the default)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
	    grep -v '\.d:' | expand -t 16

# V=1 shows the compiler's whole command lines.
V           =
SAY         = $(if $(V),@:,@echo)
QUIET       = $(if $(V),,@)

define program
$(O)/$(1): $$($(1)_OBJS:%=$(O)/%.o)
	$$(SAY) "  LINK $$@"
	$$(QUIET)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) "  CC   $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(O)/*/*.d $(O)/*/*/*.d)

include tests/tests.mk

deps: ## install what building and testing need (Debian, as root)
	tests/deps

demo: ## the main job, narrated, in a private namespace (Debian, as root)
	@tests/deps demo
	@$(MAKE) -s SAY=@: all tools
	@tests/demo

install: all ## install; DESTDIR= prefix=/usr/local
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(libexecdir)/postmulti \
	    $(DESTDIR)$(sysconfdir)/postmulti/policy.d \
	    $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 \
	    $(DESTDIR)$(mandir)/man8
	install -m 0755 $(O)/postmulti $(O)/postmulti-policy \
	    $(DESTDIR)$(sbindir)/
	test -f $(DESTDIR)$(sysconfdir)/postmulti/policy.conf || install -m \
	    0644 policy/policy.conf $(DESTDIR)$(sysconfdir)/postmulti/
	for m in $(MAN1:%=%.1) $(MAN5:%=%.5) $(MAN8:%=%.8); do \
	    install -m 0644 man/$$m $(DESTDIR)$(mandir)/man$${m##*.}/ || \
	    exit 1; done
	install -m 0755 $(O)/postmulti-judge \
	    $(DESTDIR)$(libexecdir)/postmulti/
	install -m 0711 $(O)/postmulti-cleaner \
	    $(DESTDIR)$(libexecdir)/postmulti/
	DESTDIR='$(DESTDIR)' GROUP='$(GROUP)' \
	    LIBEXEC='$(libexecdir)/postmulti' SBIN='$(sbindir)' \
	    SYSUSERS='$(sysusersdir)' BUILD='$(O)' HELPERS='$(HELPERS)' \
	    helpers/install

uninstall: ## remove what install put there; policy and instances stay
	@DESTDIR='$(DESTDIR)' SBIN='$(sbindir)' POSTCONF='$(POSTCONF)' \
	    helpers/uninstall
	rm -f $(DESTDIR)$(sbindir)/postmulti \
	    $(DESTDIR)$(sbindir)/postmulti-policy \
	    $(DESTDIR)$(libexecdir)/postmulti/postmulti-judge \
	    $(DESTDIR)$(libexecdir)/postmulti/postmulti-cleaner \
	    $(HELPERS:%=$(DESTDIR)$(libexecdir)/postmulti/%) \
	    $(MAN1:%=$(DESTDIR)$(mandir)/man1/%.1) \
	    $(MAN5:%=$(DESTDIR)$(mandir)/man5/%.5) \
	    $(MAN8:%=$(DESTDIR)$(mandir)/man8/%.8) \
	    $(DESTDIR)$(sysusersdir)/postmulti.conf
	rm -rf $(DESTDIR)/var/cache/postmulti
	-rmdir $(DESTDIR)$(libexecdir)/postmulti

# The source files of a program: print-postmulti-config ...
print-%:
	@printf '%s\n' $($*_OBJS:%=%.c) | sort -u

clean: ## remove what was built
	rm -rf $(O)

.PHONY: all help deps demo check lint install uninstall clean tools units
.DELETE_ON_ERROR:
