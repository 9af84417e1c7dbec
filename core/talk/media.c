/* The media store: files of conversations under [talk] media_folder, each content once, never executed and given out as downloads only.
 *
 * A file is written beside, and linked to its name (the keyed hash of its content) in the transaction that writes its row, with the row of
 * that content locked; whoever takes files away holds the same lock. Killed in between, a file stays that nothing names, until the sweep. */
#include "talk/parts.h"

#include <wecomd/clock.h>
#include <wecomd/log.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wc_media_writer {
	wc_arena         *a;
	int               fd;
	const char       *folder, *beside, *name;
	struct crypt_sum *sum;
	unsigned char     head[MEDIA_HEAD];
	size_t            head_n;
	int64_t           bytes, max;
};

/* --- files ------------------------------------------------------------------------------------------------------------ */

static int make_folder(const char *path, wc_err *e)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return wc_fail(e, WC_E_CONFIG, "[talk] media_folder: %s: %s", path, strerror(errno));
}

static void take_away(void *writer)
{
	struct wc_media_writer *w = writer;

	close(w->fd);
	unlink(w->beside);
}

static const char *folder(wc_err *e)
{
	const struct talk_settings *s = talk_settings();

	if (s && *s->media_folder)
		return s->media_folder;
	wc_fail(e, WC_E_CONFIG, "[talk] media_folder is not set: no files are kept");
	return NULL;
}

wc_media_writer *wc_media_begin(wc_arena *a, const char *name, wc_err *e)
{
	const char             *dir = folder(e);
	struct wc_media_writer *w;
	char                   *beside;

	if (!dir || make_folder(dir, e) < 0 || make_folder(wc_printf(a, "%s/new", dir), e) < 0)
		return NULL;
	beside = wc_printf(a, "%s/new/XXXXXX", dir);
	w      = wc_alloc(a, sizeof *w);
	*w     = (struct wc_media_writer){.a = a, .folder = dir, .beside = beside, .name = media_name(a, name), .max = talk_settings()->media_max};
	w->fd  = mkostemp(beside, O_CLOEXEC);
	if (w->fd < 0) {
		wc_fail(e, WC_E_CONFIG, "[talk] media_folder: %s: %s", beside, strerror(errno));
		return NULL;
	}
	w->sum = crypt_sum_new(a);
	wc_defer(a, take_away, w);
	return w;
}

int wc_media_write(wc_media_writer *w, const char *p, size_t n, wc_err *e)
{
	size_t head = w->head_n + n > MEDIA_HEAD ? MEDIA_HEAD - w->head_n : n;

	if (w->bytes + (int64_t)n > w->max)
		return wc_fail(e, WC_E_TOO_LARGE, "the file has over %" PRId64 " bytes ([talk] media_max)", w->max);
	memcpy(w->head + w->head_n, p, head);
	w->head_n += head;
	w->bytes += (int64_t)n;
	crypt_sum_add(w->sum, p, n);
	while (n) {
		ssize_t written = write(w->fd, p, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return wc_fail(e, WC_E_DB, "a file could not be written: %s", strerror(errno));
		p += written;
		n -= (size_t)written;
	}
	return 0;
}

static const char *path_of(wc_arena *a, const char *dir, const unsigned char hash[WC_HASH_SIZE])
{
	const char *hex = wc_hex(a, hash, WC_HASH_SIZE);

	return wc_printf(a, "%s/%.2s/%s", dir, hex, hex);
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

/* The same content may be there; then it is left as it is, unless it was cut short. */
static int put_in_place(const struct wc_media_writer *w, const unsigned char hash[WC_HASH_SIZE], wc_err *e)
{
	const char *path  = path_of(w->a, w->folder, hash);
	const char *under = wc_strndup(w->a, path, strlen(path) - 2 * WC_HASH_SIZE - 1);
	struct stat there;

	if (make_folder(under, e) < 0)
		return -1;
	if (stat(path, &there) == 0) {
		if (there.st_size == w->bytes)
			return 0;
		unlink(path);
	}
	if ((link(w->beside, path) < 0 && errno != EEXIST) || sync_folder(under) < 0)
		return wc_fail(e, WC_E_DB, "a file could not be put into %s: %s", under, strerror(errno));
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

struct keeping {
	struct wc_media_writer *w;
	unsigned char           hash[WC_HASH_SIZE];
	int64_t                 customer, id;
};

static int insert_media(wc_db *db, struct keeping *k, wc_err *e)
{
	wc_slice name = wc_seal(k->w->a, "media.name", (wc_slice){k->w->name, strlen(k->w->name)});
	wc_rows  rows;

	if (wc_db_query(db, k->w->a, &rows, e, "INSERT INTO media (file, customer, name, type, bytes) VALUES (?, ?, ?, ?, ?) RETURNING id",
	                wc_bytes(k->hash, sizeof k->hash), k->customer ? wc_int(k->customer) : wc_null(), wc_bytes(name.p, name.n),
	                wc_text(media_type(k->w->head, k->w->head_n)), wc_int(k->w->bytes)) < 0)
		return -1;
	k->id = wc_row_int(&rows, 0, 0);
	return wc_db_once(db, e);
}

static int keep(wc_db *db, void *arg, wc_err *e)
{
	struct keeping *k = arg;
	unsigned char   key[KEY_SIZE];
	int             held = k->customer ? customer_hold(db, k->w->a, k->customer, key, e) : 1;

	crypt_wipe(key, sizeof key);
	if (held <= 0)
		return held < 0 ? -1 : wc_fail(e, WC_E_NOT_FOUND, "customer %" PRId64 " is erased", k->customer);
	if (wc_db_exec(db, e, "INSERT INTO media_file (hash, bytes) VALUES (?, ?) ON DUPLICATE KEY UPDATE at = NOW(3)", wc_bytes(k->hash, sizeof k->hash),
	               wc_int(k->w->bytes)) < 0 ||
	    put_in_place(k->w, k->hash, e) < 0)
		return -1;
	return insert_media(db, k, e);
}

int64_t wc_media_keep(wc_media_writer *w, int64_t customer, wc_err *e)
{
	struct keeping k = {.w = w, .customer = customer};
	unsigned char  plain[32];

	if (fsync(w->fd) < 0)
		return wc_fail(e, WC_E_DB, "a file could not be written: %s", strerror(errno));
	crypt_sum_end(w->sum, plain);
	wc_keyed_hash(k.hash, "talk.media", wc_hex(w->a, plain, sizeof plain), NULL);
	return wc_db_tx(keep, &k, e) < 0 ? -1 : k.id;
}

int wc_media_read(wc_arena *a, int64_t id, wc_media *m, wc_err *e)
{
	const char *dir = folder(e);
	wc_rows     rows;
	wc_cell     cell;
	wc_slice    name;

	if (!dir || wc_db_query(NULL, a, &rows, e, "SELECT file, name, type, bytes FROM media WHERE id = ?", wc_int(id)) < 0)
		return -1;
	if (!rows.n)
		return wc_fail(e, WC_E_NOT_FOUND, "there is no file %" PRId64, id);
	cell = wc_row_cell(&rows, 0, 1);
	if (wc_unseal(a, "media.name", (wc_slice){cell.s, cell.n}, &name, e) < 0)
		return -1;
	*m = (wc_media){path_of(a, dir, (const unsigned char *)wc_row_cell(&rows, 0, 0).s), wc_strndup(a, name.p, name.n), wc_row_text(&rows, 0, 2),
	                wc_row_int(&rows, 0, 3)};
	return access(m->path, R_OK) == 0 ? 0 : wc_fail(e, WC_E_NOT_FOUND, "the file of %" PRId64 " is gone", id);
}

/* The folder is made with the first file; until then the one above it is looked at. */
void media_check(wc_findings *findings, const void *self)
{
	const char *dir = ((const struct talk_settings *)self)->media_folder, *slash = strrchr(dir, '/'), *what = dir;

	if (!*dir) {
		wc_found(findings, WC_FOUND_SKIPPED, "", "no_folder", "[talk] media_folder", "no files of conversations are kept");
		return;
	}
	if (access(dir, F_OK) < 0 && slash > dir)
		what = wc_strndup(findings->arena, dir, (size_t)(slash - dir));
	if (access(what, W_OK | X_OK) == 0)
		wc_found(findings, WC_FOUND_OK, "", "writable", "", "files of conversations can be kept in %s", dir);
	else
		wc_found(findings, WC_FOUND_FAIL, "", "not_writable", "[talk] media_folder", "%s: %s", what, strerror(errno));
}

/* --- taking away ------------------------------------------------------------------------------------------------------ */

struct sweeping {
	wc_arena     *a;
	const char   *dir;
	unsigned char hash[WC_HASH_SIZE];
	int64_t       removed;
};

/* With the content's row locked, made where there is none: nobody puts the file in its place meanwhile. */
static int remove_file(wc_db *db, void *arg, wc_err *e)
{
	struct sweeping *s    = arg;
	wc_val           hash = wc_bytes(s->hash, sizeof s->hash);
	wc_rows          rows;

	if (wc_db_exec(db, e, "INSERT INTO media_file (hash, bytes) VALUES (?, 0) ON DUPLICATE KEY UPDATE bytes = bytes", hash) < 0 ||
	    wc_db_query(db, s->a, &rows, e, "SELECT hash FROM media_file WHERE hash = ? FOR UPDATE", hash) < 0 ||
	    wc_db_query(db, s->a, &rows, e, "SELECT 1 FROM media WHERE file = ? LIMIT 1", hash) < 0)
		return -1;
	if (rows.n)
		return 0;
	if (unlink(path_of(s->a, s->dir, s->hash)) < 0 && errno != ENOENT)
		return wc_fail(e, WC_E_INTERNAL, "a file could not be removed: %s", strerror(errno));
	s->removed++;
	return wc_db_exec(db, e, "DELETE FROM media_file WHERE hash = ?", hash) < 0 ? -1 : 0;
}

int media_sweep(wc_arena *a, int64_t *removed, wc_err *e)
{
	const struct talk_settings *set = talk_settings();
	struct sweeping             s   = {.a = a, .dir = set->media_folder};
	wc_rows                     rows;

	if (!*set->media_folder)
		return 0;
	if (wc_db_query(NULL, a, &rows, e,
	                "SELECT hash FROM media_file f WHERE at < NOW(3) - INTERVAL 1 MINUTE AND NOT EXISTS (SELECT 1 FROM media m WHERE m.file = f.hash)"
	                " LIMIT 1000") < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		memcpy(s.hash, wc_row_cell(&rows, i, 0).s, WC_HASH_SIZE);
		if (wc_db_tx(remove_file, &s, e) < 0)
			return -1;
	}
	*removed += s.removed;
	return rows.n == 1000;
}
