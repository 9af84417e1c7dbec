# One Makefile for the whole tree; everything built goes under $B. `make help` lists the targets.

B      ?= build
ifeq ($(origin CC),default)
CC     := gcc
endif
CFLAGS ?= -O2 -g
SAN    ?=
T      ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
# Of the packages: make deb VERSION=0.1.0+local1
VERSION ?= $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)

LIBS     := fcgi libcurl openssl jansson libmariadb expat inih zlib
PKG      := $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lltdl -lpthread -ldl -lm

# A plugin built against other public headers is refused at load.
BUILD_ID := $(shell cat core/include/wecomd/*.h | sha256sum | cut -c1-16)

# Tables leave out what they do not use, hence the one warning of -Wextra that is off.
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wno-missing-field-initializers -Werror
BASE := -std=gnu2x -D_GNU_SOURCE $(WARN) -fPIC -Icore/include -Icore -DWC_BUILD_ID='"$(BUILD_ID)"' $(PKG)

# Where the installed program looks for its files. Only the two sources that ask know of it, and another PREFIX compiles them anew.
PLACES := -DPLUGIN_DIR='"$(PREFIX)/lib/wecomd/plugins"' -DSQL_DIR='"$(PREFIX)/share/wecomd/sql"' \
          -DCONF_FILE='"$(SYSCONFDIR)/wecomd/wecomd.conf"' -DVERSION='"$(VERSION)"'

ifneq ($(SAN),)
BASE    += -fsanitize=$(SAN) -fno-omit-frame-pointer -DSTACK_KIB=2048 $(if $(findstring gcc,$(CC)),-Wno-format-truncation)
LDFLAGS += -fsanitize=$(SAN)
endif

CORE    := $(patsubst %.c,$B/%.o,$(filter-out core/host/main.c,$(wildcard core/*/*.c)))
PLUGINS := $(notdir $(patsubst %/,%,$(wildcard plugins/*/)))
TESTED  := $(notdir $(patsubst %/,%,$(wildcard tests/plugins/*/)))
UNIT    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_S  ?= 60

# Fuzz targets and the unit programs that run with sanitizers share one build: clang's, which ends at the first fault.
FUZZ_B  := B=$B/fuzz CC=clang SAN=address,undefined,fuzzer-no-link CFLAGS='-O1 -g -fno-sanitize-recover=all'

.PHONY: all help run test test-plugins bench chaos unit fuzz fuzz-programs sanitized sanitize check-headers console screens clean \
        install deb test-deploy FORCE
.DELETE_ON_ERROR:

all: $B/wecomd $(PLUGINS:%=$B/plugins/%.so)

help:
	@echo 'make            build $B/wecomd and $B/plugins/*.so'
	@echo 'make run        the whole demo on PORT (8080), data in STATE (var); Ctrl-C stops it'
	@echo 'make test       every test; T=word runs those whose file name contains it'
	@echo 'make chaos      whole systems under faults, then their books; SEED=n plays a run again, PLAN=word takes some'
	@echo 'make bench      measures the budgets: a table, and $B/bench.json; N=quick for a look, N=PART for a part (tests/bench/run)'
	@echo 'make fuzz       each fuzz target for FUZZ_S (60) seconds; T=word those whose name contains it'
	@echo 'make sanitize   unit programs and some system tests under sanitizers and valgrind; takes some ten minutes'
	@echo 'make console    the pages under htdocs, built into $B/htdocs'
	@echo 'make screens    pictures of every page of the console, in $B/screens; T=word takes those whose name contains it'
	@echo 'make install    into PREFIX ($(PREFIX)) under DESTDIR; the configuration goes to SYSCONFDIR ($(SYSCONFDIR)) unless one is there'
	@echo 'make deb        the Debian packages, in $B/deb'
	@echo 'make test-deploy   installs, upgrades under load and purges the package in a debootstrap folder; needs root'
	@echo 'make check-headers   each header compiles alone; folders keep to their tier'
	@echo 'make clean      remove $B'
	@echo 'SAN=address,undefined with its own B=build/san builds with sanitizers; CC=clang too'

$B/wecomd: $(CORE) $B/core/host/main.o
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS) -Wl,-z,now -Wl,-z,relro -Wl,--export-dynamic-symbol='wc_*' -o $@ $^ $(PKG_LIBS)

$B/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(CPPFLAGS) $(BASE) $(CFLAGS) -MMD -MP -c -o $@ $<

# The program exports wc_* alone (--export-dynamic-symbol), a plugin its descriptor alone.
$B/plugins/%.o $B/tests/plugins/%.o: BASE += -fvisibility=hidden

$B/core/host/main.o $B/core/host/program.o: BASE += $(PLACES)
$B/core/host/main.o $B/core/host/program.o: $B/places

$B/places: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(PLACES))' | cmp -s - $@ || echo '$(subst ','\'',$(PLACES))' >$@

# A plugin that needs further libraries says so in its plugin.mk: PLUGIN_LIBS_<name>, PLUGIN_CFLAGS_<name>, and UNIT_LIBS_<test> for its unit tests.
-include $(wildcard plugins/*/plugin.mk)

# A plugin is its folder: every .c in it, linked so that an unknown function fails at load.
define plugin_rule
$B/$3/$2/%.o: BASE += $$(PLUGIN_CFLAGS_$2)
$B/$1/$2.so: $(patsubst %.c,$B/%.o,$(wildcard $3/$2/*.c))
	@mkdir -p $$(@D)
	@echo '  LINK $$@'
	@$$(CC) $$(LDFLAGS) -shared -Wl,-z,now -Wl,-z,relro -o $$@ $$^ $$(PLUGIN_LIBS_$2)
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,plugins,$p,plugins)))
$(foreach p,$(TESTED),$(eval $(call plugin_rule,test-plugins,$p,tests/plugins)))

$B/tests/unit/%: $B/tests/unit/%.o $(CORE)
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS) -Wl,--export-dynamic-symbol='wc_*' -o $@ $^ $(PKG_LIBS) $(UNIT_LIBS_$*) $$(pkg-config --libs cmocka)

# Programs that the system tests talk to.
$B/tests/peer/%: $B/tests/peer/%.o $(CORE)
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS) -Wl,--export-dynamic-symbol='wc_*' -o $@ $^ $(PKG_LIBS)

# A fuzz target takes of core what it uses; what else it needs is said here.
$B/libcore.a: $(CORE)
	@rm -f $@ && ar rcs $@ $^

$B/tests/fuzz/%: $B/tests/fuzz/%.o $B/libcore.a
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LINK_$*) $(PKG_LIBS)

FUZZ_LINK_config       := -Wl,--wrap=fopen
$B/tests/fuzz/smartbot: $B/plugins/smartbot/event.o $B/plugins/smartbot/card.o

fuzz-programs: $(FUZZ:%=$B/tests/fuzz/%)

test-plugins: $(TESTED:%=$B/test-plugins/%.so)

# What the tests run of the build with sanitizers. Several may ask for it at once.
sanitized:
	@mkdir -p $B/fuzz
	@flock $B/fuzz $(MAKE) -s -j2 $(FUZZ_B) fuzz-programs unit

fuzz:
	@etc/demo/install-packages test
	@$(MAKE) -s sanitized
	@B=$B exec tests/fuzz/run "$(FUZZ_S)" "$(T)"

unit: $(UNIT:%=$B/tests/unit/%) $B/tests/peer/envelope

console:
	@etc/demo/build-console $B

# To be looked at: every page, 1440 and 390 wide, light and dark.
screens:
	@etc/demo/install-packages test
	@$(MAKE) -s -j2 all console
	@node tests/screens.mjs "$(T)"

run:
	@etc/demo/install-packages run
	@$(MAKE) -s -j2 all console
	@exec etc/demo/run

test:
	@etc/demo/install-packages test
	@$(MAKE) -s -j2 all unit console test-plugins
	@$(MAKE) -s sanitized
	@exec tests/run "$(T)"

# SEED=n plays a run again, PLAN=word takes the plans with that word.
chaos:
	@etc/demo/install-packages test
	@$(MAKE) -s -j2 all $B/test-plugins/notice.so
	@node tests/chaos/main.mjs

# The bench's load generator and the echo it compares with; neither needs the core.
$B/tests/bench/%: $B/tests/bench/%.o
	@echo '  LINK $@'
	@$(CC) $(LDFLAGS) -o $@ $^ -lfcgi -lpthread

bench:
	@etc/demo/install-packages bench
	@$(MAKE) -s -j2 all $B/tests/bench/load $B/tests/bench/echo
	@exec tests/bench/run $(N)

sanitize:
	@etc/demo/install-packages test
	@$(MAKE) -s -j2 unit
	@$(MAKE) -s -j2 B=$B/san SAN=address,undefined all unit console test-plugins
	@$(MAKE) -s -j2 B=$B/tsan SAN=thread all unit console test-plugins
	@B=$B exec tests/sanitize "$(T)"

# Every header compiles on its own. Public headers include only public ones; a core folder is included by others
# through <folder>/<folder>.h alone, and only from its own tier upwards; plugins use core/include alone.
check-headers:
	@for h in core/include/wecomd/*.h core/*/*.h; do \
		echo "#include \"$$h\"" | $(CC) $(BASE) -I. -fsyntax-only -xc - || { echo "$$h does not compile alone"; exit 1; }; done
	@tests/check-tiers

install: all
	@etc/install $B '$(DESTDIR)' '$(PREFIX)' '$(SYSCONFDIR)' '$(VERSION)' '$(BUILD_ID)'

deb:
	@etc/demo/install-packages deb
	@$(MAKE) -s console
	@debian/build $B '$(VERSION)'

# As root: a folder with a Debian of its own, made once by debootstrap and kept in $B/deploy.
test-deploy:
	@etc/demo/install-packages deploy
	@$(MAKE) -s deb
	@node tests/deploy/main.mjs

clean:
	rm -rf $B

.SECONDARY:
-include $(shell find $B/core $B/plugins $B/tests -name '*.d' 2>/dev/null)
