/* "wecomd backup" and "wecomd restore": the database in one folder, the key file in another.
 *
 * A backup is a folder with two files: database.sql, the whole schema at one moment (messages, media, settings, people; what is personal is
 * sealed in it as it is in the database), and backup.json, which says what that is and whether a key file opens it. The keys are not in
 * it: who has both has everything. */
#include "host/backup.h"

#include "crypt/crypt.h"
#include "db/db.h"

#include <wecomd/clock.h>
#include <wecomd/encode.h>
#include <wecomd/seal.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FORMAT        1
#define MANIFEST_MAX  (4u << 20)
#define ABOUT         "backup.check"     /* what the sealed word of backup.json is bound to */
#define WORD          "wecomd backup"
#define ALIVE_S       20

static int say(const wc_err *e)
{
	fprintf(stderr, "%s\n", e->text);
	return 1;
}

static int fail_errno(const char *path, wc_err *e)
{
	return wc_fail(e, WC_E_CONFIG, "%s: %s", path, strerror(errno));
}

static bool has_option(int argc, char **argv, const char *name)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return false;
}

/* --- folders -------------------------------------------------------------------------------------------------------- */

/* Whether one is the other or lies in it, as real paths. */
static bool is_within(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	return !strncmp(outer, inner, n) && (inner[n] == '/' || !inner[n] || !strcmp(outer, "/"));
}

/* Made if it is not there, for its owner alone; empty if it is. Its real path in the arena. */
static const char *make_folder(wc_arena *a, const char *path, wc_err *e)
{
	char real[PATH_MAX];

	if (mkdir(path, 0700) < 0 && (errno != EEXIST || rmdir(path) < 0 || mkdir(path, 0700) < 0)) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			wc_fail(e, WC_E_CONFIG, "%s: not empty; a backup gets a folder of its own", path);
		else
			fail_errno(path, e);
		return NULL;
	}
	if (!realpath(path, real)) {
		fail_errno(path, e);
		return NULL;
	}
	return wc_strdup(a, real);
}

static int create(const char *path, wc_err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? fail_errno(path, e) : fd;
}

static int finish(int fd, const char *path, int rc, wc_err *e)
{
	if (rc == 0 && fsync(fd) < 0)
		rc = fail_errno(path, e);
	close(fd);
	return rc;
}

/* --- the keys ------------------------------------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, wc_err *e)
{
	char piece[4096];
	int  in = open(from, O_RDONLY | O_CLOEXEC), out = in < 0 ? -1 : create(to, e), rc = 0;
	ssize_t n;

	if (in < 0)
		return fail_errno(from, e);
	while (out >= 0 && rc == 0 && (n = read(in, piece, sizeof piece)) != 0)
		if (n < 0 || write(out, piece, (size_t)n) != n)
			rc = fail_errno(to, e);
	crypt_wipe(piece, sizeof piece);
	close(in);
	return out < 0 ? -1 : finish(out, to, rc, e);
}

/* One who finds the backup must not find its keys beside it. */
static int check_apart(const char *data, const char *keys, bool together, wc_err *e)
{
	if (together || (!is_within(data, keys) && !is_within(keys, data)))
		return 0;
	return wc_fail(e, WC_E_CONFIG, "the keys would lie with the data that they open (%s); take another place, best another machine, or add "
	                               "--together", data);
}

static int save_keys(wc_arena *a, const char *data, const char *to, bool together, wc_err *e)
{
	char        parent[PATH_MAX];
	const char *folder, *slash = strrchr(to, '/');

	/* Looked at before anything is made: by the folder that it will be in. */
	if (!realpath(slash == to ? "/" : slash ? wc_printf(a, "%.*s", (int)(slash - to), to) : ".", parent))
		return fail_errno(to, e);
	if (check_apart(data, wc_printf(a, "%s/%s", strcmp(parent, "/") ? parent : "", slash ? slash + 1 : to), together, e) < 0)
		return -1;
	if (mkdir(to, 0700) < 0 && errno != EEXIST)
		return fail_errno(to, e);
	if (!realpath(to, parent))
		return fail_errno(to, e);
	folder = wc_strdup(a, parent);
	if (check_apart(data, folder, together, e) < 0)
		return -1;
	return copy_file(crypt_key_file(), wc_printf(a, "%s/keys", folder), e);
}

/* --- backup.json ---------------------------------------------------------------------------------------------------- */

/* Of the whole file; it may be larger than the memory. */
static int digest(wc_arena *a, int fd, const char *path, const char **hex, int64_t *size, wc_err *e)
{
	unsigned char hash[32];
	struct stat   st;
	void         *at = NULL;

	if (fstat(fd, &st) < 0)
		return fail_errno(path, e);
	if (st.st_size && (at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		return fail_errno(path, e);
	crypt_hash_raw(hash, at ? at : "", (size_t)st.st_size);
	if (at)
		munmap(at, (size_t)st.st_size);
	*hex  = wc_hex(a, hash, sizeof hash);
	*size = st.st_size;
	return 0;
}

static const char *now_text(wc_arena *a)
{
	time_t    t = (time_t)(wc_now_ms() / 1000);
	struct tm parts;
	char      text[32];

	gmtime_r(&t, &parts);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return wc_strdup(a, text);
}

static json_t *migrations(const wc_rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "owner", wc_row_text(rows, i, 0), "number",
		                                      (json_int_t)wc_row_int(rows, i, 1), "checksum", wc_row_text(rows, i, 2)));
	return list;
}

static json_t *key_ids(void)
{
	struct crypt_key keys[CRYPT_KEYS_MAX];
	size_t           n    = crypt_keys(keys, CRYPT_KEYS_MAX);
	json_t          *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(keys[i].id));
	return list;
}

static int describe(wc_arena *a, const char *folder, const char *sha256, int64_t size, wc_err *e)
{
	const char *path = wc_printf(a, "%s/backup.json", folder), *text;
	wc_slice    word = wc_seal(a, ABOUT, (wc_slice){WORD, strlen(WORD)});
	wc_rows     applied, about;
	int         fd;

	if (db_applied(a, &applied, e) < 0 || wc_db_query(NULL, a, &about, e, "SELECT DATABASE(), VERSION()") < 0 || (fd = create(path, e)) < 0)
		return -1;
	text = wc_json_text(a, wc_json(a, "{s:i, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:s}", "format", FORMAT, "made_at", now_text(a),
	                               "schema", wc_row_text(&about, 0, 0), "mariadb", wc_row_text(&about, 0, 1), "sha256", sha256,
	                               "bytes", (json_int_t)size, "migrations", migrations(&applied), "keys", key_ids(),
	                               "check", wc_hex(a, (const unsigned char *)word.p, word.n)));
	return finish(fd, path, dprintf(fd, "%s\n", text) < 0 ? fail_errno(path, e) : 0, e);
}

/* --- backup --------------------------------------------------------------------------------------------------------- */

/* What is there when something failed is no backup, and nobody shall take it for one. */
static void clear(wc_arena *a, const char *folder)
{
	unlink(wc_printf(a, "%s/database.sql", folder));
	unlink(wc_printf(a, "%s/backup.json", folder));
	rmdir(folder);
}

static int save(wc_arena *a, const char *folder, int64_t *size, wc_err *e)
{
	const char *path = wc_printf(a, "%s/database.sql", folder), *sha256;
	int         fd   = create(path, e), rc;

	if (fd < 0)
		return -1;
	rc = db_dump(fd, e) < 0 || digest(a, fd, path, &sha256, size, e) < 0 ? -1 : 0;
	if (finish(fd, path, rc, e) < 0)
		return -1;
	return describe(a, folder, sha256, *size, e);
}

static int backup_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char *to = wc_option(argc, argv, "--to", NULL), *keys = wc_option(argc, argv, "--keys-to", NULL), *folder;
	int64_t     size;
	wc_err      e;

	(void)self;
	if (!to || !*to || (keys && !*keys)) {
		fprintf(stderr, "usage: backup --to FOLDER [--keys-to FOLDER [--together]]\n");
		return 2;
	}
	if (!(folder = make_folder(a, to, &e)))
		return say(&e);
	if ((keys && save_keys(a, folder, keys, has_option(argc, argv, "--together"), &e) < 0) || save(a, folder, &size, &e) < 0) {
		clear(a, folder);
		return say(&e);
	}
	printf("%s: database.sql (%" PRId64 " bytes) and backup.json\n", folder, size);
	if (keys)
		printf("%s: a copy of the key file\n", keys);
	else
		printf("the key file %s is not in it; keep a copy of it in another place (--keys-to FOLDER)\n", crypt_key_file());
	return 0;
}

/* --- restore -------------------------------------------------------------------------------------------------------- */

static json_t *read_manifest(wc_arena *a, const char *folder, wc_err *e)
{
	const char *path = wc_printf(a, "%s/backup.json", folder);
	char       *text = wc_alloc(a, MANIFEST_MAX);
	FILE       *f    = fopen(path, "re");
	json_t     *m;
	size_t      n;

	if (!f) {
		fail_errno(path, e);
		return NULL;
	}
	n = fread(text, 1, MANIFEST_MAX, f);
	fclose(f);
	if (!(m = wc_json_parse(a, text, n, e))) {
		wc_wrap(e, "%s", path);
	} else if (json_integer_value(json_object_get(m, "format")) != FORMAT || !wc_json_str(m, "sha256") || !wc_json_str(m, "check")) {
		wc_fail(e, WC_E_CONFIG, "%s: not a backup of this program, or one of a newer release", path);
		return NULL;
	}
	return m;
}

static int64_t last_of(const json_t *m, const char *owner)
{
	int64_t last = 0;
	size_t  i;
	json_t *one;

	json_array_foreach(json_object_get(m, "migrations"), i, one)
		if (!strcmp(json_string_value(json_object_get(one, "owner")), owner))
			last = json_integer_value(json_object_get(one, "number"));
	return last;
}

/* Every migration of the backup has its three values; said once, here. */
static int check_shape(const json_t *m, wc_err *e)
{
	size_t  i;
	json_t *one;

	json_array_foreach(json_object_get(m, "migrations"), i, one)
		if (!wc_json_str(one, "owner") || !wc_json_str(one, "checksum") || !json_is_integer(json_object_get(one, "number")))
			return wc_fail(e, WC_E_CONFIG, "backup.json: migration %zu is not whole", i);
	return 0;
}

static void print_manifest(const json_t *m)
{
	const char *before = "";
	size_t      i;
	json_t     *one;

	printf("made at       %s\nof schema     %s on MariaDB %s\ndatabase.sql  %" PRId64 " bytes\nmigrations   ", wc_json_str(m, "made_at"),
	       wc_json_str(m, "schema"), wc_json_str(m, "mariadb"), (int64_t)json_integer_value(json_object_get(m, "bytes")));
	json_array_foreach(json_object_get(m, "migrations"), i, one) {
		const char *owner = wc_json_str(one, "owner");

		if (strcmp(owner, before))
			printf(" %s up to %04" PRId64, owner, last_of(m, owner));
		before = owner;
	}
	printf("\nkeys         ");
	json_array_foreach(json_object_get(m, "keys"), i, one)
		printf(" %d", (int)json_integer_value(one));
	printf("\n");
}

static int check_version(const json_t *m, const struct program *g, wc_err *e)
{
	size_t  i;
	json_t *one;

	json_array_foreach(json_object_get(m, "migrations"), i, one)
		if (db_knows(g->core.sql_dir, g->owners, wc_json_str(one, "owner"), (int)json_integer_value(json_object_get(one, "number")),
		             wc_json_str(one, "checksum"), e) < 0)
			return wc_wrap(e, "the backup");
	return 0;
}

static bool key_opens(wc_arena *a, const json_t *m)
{
	const char    *hex = wc_json_str(m, "check");
	size_t         n   = strlen(hex) / 2;
	unsigned char *p   = wc_alloc(a, n + 1);
	unsigned       byte;
	wc_slice       word;
	wc_err         ignored;

	for (size_t i = 0; i < n; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		p[i] = (unsigned char)byte;
	}
	return wc_unseal(a, ABOUT, (wc_slice){(const char *)p, n}, &word, &ignored) == 0 && word.n == strlen(WORD) && !memcmp(word.p, WORD, word.n);
}

static int check_file(wc_arena *a, int fd, const char *path, const json_t *m, wc_err *e)
{
	const char *sha256;
	int64_t     size;

	if (digest(a, fd, path, &sha256, &size, e) < 0)
		return -1;
	return strcmp(sha256, wc_json_str(m, "sha256")) ? wc_fail(e, WC_E_CONFIG, "%s: not the file that was written; it was changed or cut", path) : 0;
}

/* Whoever works on this schema now would go on in the middle of another past. */
static int check_nobody_there(wc_arena *a, wc_err *e)
{
	wc_rows rows;

	if (wc_db_query(NULL, a, &rows, e, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'process'") < 0)
		return -1;
	if (!wc_row_int(&rows, 0, 0))
		return 0;
	if (wc_db_query(NULL, a, &rows, e, "SELECT node, pid FROM process WHERE beat_at > NOW(3) - INTERVAL ? SECOND LIMIT 1", wc_int(ALIVE_S)) < 0)
		return -1;
	return rows.n ? wc_fail(e, WC_E_CONFLICT, "wecomd runs on this schema (node %s, process %s): stop it on every node first",
	                        wc_row_text(&rows, 0, 0), wc_row_text(&rows, 0, 1)) : 0;
}

static int check_target(wc_arena *a, bool force, wc_err *e)
{
	wc_rows tables;

	if (check_nobody_there(a, e) < 0 || db_count_tables(a, &tables, e) < 0)
		return -1;
	if (tables.n && !force)
		return wc_fail(e, WC_E_CONFLICT, "the schema is not empty: it has %zu tables; restore into another one ([db] name), or lose what is in it by "
		                                 "--force", tables.n);
	return tables.n ? db_empty(e) : 0;
}

/* Those that ran at the time of the backup do not run here, and would seem to. */
static int forget_processes(wc_err *e)
{
	return wc_db_exec(NULL, e, "DELETE FROM process") < 0 ? -1 : 0;
}

static int print_tables(wc_arena *a, wc_err *e)
{
	wc_rows tables;

	if (db_count_tables(a, &tables, e) < 0)
		return -1;
	for (size_t i = 0; i < tables.n; i++)
		printf("%-32s %s rows\n", wc_row_text(&tables, i, 0), wc_row_text(&tables, i, 1));
	return 0;
}

static int restore(wc_arena *a, const char *folder, const json_t *m, int argc, char **argv, wc_err *e)
{
	const char *path = wc_printf(a, "%s/database.sql", folder);
	int         fd   = open(path, O_RDONLY | O_CLOEXEC), rc = -1;

	if (fd < 0)
		return fail_errno(path, e);
	if (!key_opens(a, m) && !has_option(argc, argv, "--without-key"))
		wc_fail(e, WC_E_CONFIG, "the key file %s does not open this backup: bring the one of that time, or give what is sealed up by --without-key",
		        crypt_key_file());
	else if (check_file(a, fd, path, m, e) == 0 && check_version(m, loaded, e) == 0 && check_target(a, has_option(argc, argv, "--force"), e) == 0)
		rc = db_load(fd, e) < 0 || forget_processes(e) < 0 ? -1 : 0;
	close(fd);
	return rc == 0 ? print_tables(a, e) : -1;
}

static int restore_command(wc_arena *a, int argc, char **argv, const void *self)
{
	const char *from = wc_option(argc, argv, "--from", NULL);
	json_t     *m;
	wc_err      e;

	(void)self;
	if (!from || !*from) {
		fprintf(stderr, "usage: restore --from FOLDER [--list] [--force] [--without-key]\n");
		return 2;
	}
	if (!(m = read_manifest(a, from, &e)) || check_shape(m, &e) < 0)
		return say(&e);
	print_manifest(m);
	if (has_option(argc, argv, "--list"))
		return printf("this key file %s it\n", key_opens(a, m) ? "opens" : "DOES NOT OPEN") < 0;
	if (restore(a, from, m, argc, argv, &e) < 0)
		return say(&e);
	printf("restored; next: wecomd migrate, wecomd audit verify, wecomd doctor\n");
	return 0;
}

WC_PART(backup_part, "backup",
	.summary  = "the database in one folder, the keys in another",
	.commands = WC_COMMANDS(
		{"backup", "--to FOLDER [--keys-to FOLDER [--together]]", "write the database, as it is at one moment, into a new folder", backup_command},
		{"restore", "--from FOLDER [--list] [--force] [--without-key]", "bring a backup into the empty schema of the configuration; --list only tells",
		 restore_command}));
