/* The key file: read and checked line by line; changed by replacing it as a whole, so that a reader sees the old or the new.
 *
 * Keyed hashes stay in the database for ever, so their key must outlive the master key that it was once derived from: whatever
 * writes the file writes the line "hash HEX64" as well, and from then on every master key can be retired. */
#include "keys.h"

#include "crypt.h"
#include "hash.h"

#include <wecomd/clock.h>
#include <wecomd/arena.h>
#include <wecomd/seal.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- lines ---------------------------------------------------------------------------------------------------------- */

struct word {
	const char *p;
	size_t      n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word before end; empty when there is none. */
static struct word next_word(const char **at, const char *end)
{
	struct word w;

	while (*at < end && is_blank(**at))
		++*at;
	w.p = *at;
	while (*at < end && !is_blank(**at))
		++*at;
	w.n = (size_t)(*at - w.p);
	return w;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_number(int64_t *number, struct word w, size_t digits_max)
{
	if (!w.n || w.n > digits_max)
		return false;
	*number = 0;
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
		*number = *number * 10 + (w.p[i] - '0');
	}
	return true;
}

static bool parse_id(unsigned *id, struct word w)
{
	int64_t number;

	if (!parse_number(&number, w, 5) || number < 1 || number > 65535)
		return false;
	*id = (unsigned)number;
	return true;
}

static bool parse_key(unsigned char key[32], struct word w)
{
	if (w.n != 64)
		return false;
	for (size_t i = 0; i < 32; i++) {
		int high = hex_digit(w.p[2 * i]), low = hex_digit(w.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static const struct master *find(const struct keyset *k, unsigned id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->key[i].id == id)
			return &k->key[i];
	return NULL;
}

static const char *parse_hash_line(struct keyset *k, const char *p, const char *end)
{
	if (k->has_hash)
		return "there is a hash key on an earlier line already";
	if (!parse_key(k->hash, next_word(&p, end)) || next_word(&p, end).n)
		return "the word hash is not followed by 64 hexadecimal digits";
	k->has_hash = true;
	return NULL;
}

static const char *parse_key_line(struct keyset *k, struct word first, const char *p, const char *end)
{
	struct master *m = &k->key[k->n];
	struct word    from;

	if (k->n == KEYS_MAX)
		return "the file holds more than 256 keys";
	if (!parse_id(&m->id, first))
		return "the line does not start with an id from 1 to 65535";
	if (find(k, m->id))
		return "this id stands on an earlier line already";
	if (!parse_key(m->key, next_word(&p, end)))
		return "the id is not followed by 64 hexadecimal digits";
	from            = next_word(&p, end);
	m->seals_from_s = 0;
	if ((from.n && !parse_number(&m->seals_from_s, from, 11)) || next_word(&p, end).n)
		return "behind the key only the time from which it seals may stand, in seconds since 1970";
	k->n++;
	return NULL;
}

/* Reads the line [p, end) and adds its key, if it has one. NULL, or what is wrong with it. */
static const char *parse_line(struct keyset *k, const char *p, const char *end)
{
	struct word first = next_word(&p, end);

	if (!first.n || *first.p == '#')
		return NULL;
	if (first.n == 4 && !memcmp(first.p, "hash", 4))
		return parse_hash_line(k, p, end);
	return parse_key_line(k, first, p, end);
}

static int by_id(const void *left, const void *right)
{
	const struct master *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

static const char *line_end(const char *p, const char *end)
{
	const char *found = memchr(p, '\n', (size_t)(end - p));

	return found ? found : end;
}

int keyfile_parse(struct keyset *k, const char *file, const char *p, size_t n, wc_err *e)
{
	const char *end = p + n, *stop, *wrong;

	for (unsigned line = 1; p < end; p = stop + 1, line++) {
		stop  = line_end(p, end);
		wrong = parse_line(k, p, stop);
		if (wrong)
			return wc_fail(e, WC_E_CONFIG, "%s:%u: %s", file, line, wrong);
	}
	if (!k->n)
		return wc_fail(e, WC_E_CONFIG, "%s: holds no key; a line is an id and 64 hexadecimal digits", file);
	qsort(k->key, k->n, sizeof k->key[0], by_id);
	return 0;
}

void keyset_hash_key(const struct keyset *k, unsigned char out[32])
{
	if (k->has_hash)
		memcpy(out, k->hash, 32);
	else
		hash_derive(k->key[0].key, out);
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* Reads into p, which has room for KEY_FILE_MAX + 1 bytes, so that a longer file shows. */
static int read_all(int fd, const char *file, char *p, size_t *n, wc_err *e)
{
	ssize_t got;

	for (*n = 0; *n <= KEY_FILE_MAX; *n += (size_t)got) {
		got = read(fd, p + *n, KEY_FILE_MAX + 1 - *n);
		if (got < 0 && errno == EINTR)
			got = 0;
		else if (got < 0)
			return wc_fail(e, WC_E_CONFIG, "%s: %s", file, strerror(errno));
		else if (!got)
			return 0;
	}
	return wc_fail(e, WC_E_CONFIG, "%s: longer than 64 KiB, which no key file is", file);
}

/* Non-blocking, so that a named pipe is refused instead of waited for. */
static int open_private(const char *file, struct stat *st, wc_err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return wc_fail(e, WC_E_CONFIG, "%s: %s", file, strerror(errno));
	if (fstat(fd, st) < 0)
		wc_fail(e, WC_E_CONFIG, "%s: %s", file, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		wc_fail(e, WC_E_CONFIG, "%s: not a regular file", file);
	else if (st->st_mode & 077)
		wc_fail(e, WC_E_CONFIG, "%s: open to group or others (mode %04o), but only its owner may read it: chmod 600",
		        file, st->st_mode & 07777);
	else
		return fd;
	close(fd);
	return -1;
}

int keyfile_read(const char *file, char *content, size_t *n, struct stat *fd_stat, wc_err *e)
{
	struct stat st;
	int         fd = open_private(file, &st, e), rc;

	if (fd < 0)
		return -1;
	rc = read_all(fd, file, content, n, e);
	close(fd);
	if (fd_stat)
		*fd_stat = st;
	return rc;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

/* The file as it is and as it shall be, while nobody else writes it. */
struct edit {
	char           path[PATH_MAX];       /* no symbolic link: what one points to is replaced, not the link */
	int            folder;               /* locked */
	struct stat    was;
	struct keyset *keys;
	char           old[KEY_FILE_MAX + 1], new[KEY_FILE_MAX + 1];
	size_t         old_n, new_n;
	bool           too_long;
};

static void edit_end(struct edit *x)
{
	if (x->folder >= 0)
		close(x->folder);     /* which frees the lock */
	OPENSSL_cleanse(x->keys, sizeof *x->keys);
	free(x->keys);
	OPENSSL_cleanse(x, sizeof *x);
	free(x);
}

static int lock_folder(struct edit *x, wc_err *e)
{
	char *slash = strrchr(x->path, '/');

	*slash    = 0;
	x->folder = open(*x->path ? x->path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash    = '/';
	if (x->folder < 0 || flock(x->folder, LOCK_EX) < 0)
		return wc_fail(e, WC_E_CONFIG, "%s: its folder cannot be locked: %s", x->path, strerror(errno));
	return 0;
}

static struct edit *edit_begin(wc_err *e)
{
	struct edit *x = wc_xalloc(sizeof *x);

	x->folder = -1;
	x->keys   = wc_xalloc(sizeof *x->keys);
	if (!realpath(crypt_key_file(), x->path))
		wc_fail(e, WC_E_CONFIG, "%s: %s", crypt_key_file(), strerror(errno));
	else if (lock_folder(x, e) == 0 && keyfile_read(x->path, x->old, &x->old_n, &x->was, e) == 0 &&
	         keyfile_parse(x->keys, x->path, x->old, x->old_n, e) == 0)
		return x;
	edit_end(x);
	return NULL;
}

static void put(struct edit *x, const char *p, size_t n)
{
	if (n > KEY_FILE_MAX - x->new_n)
		x->too_long = true;
	else
		memcpy(x->new + x->new_n, p, n);
	x->new_n += x->too_long ? 0 : n;
}

static void put_text(struct edit *x, const char *s)
{
	put(x, s, strlen(s));
}

static void put_key(struct edit *x, const unsigned char key[32])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 32; i++)
		put(x, (char[]){digits[key[i] >> 4], digits[key[i] & 15]}, 2);
}

/* Every line but that of key drop; comments stay where they are. */
static void put_old(struct edit *x, unsigned drop)
{
	const char *end = x->old + x->old_n, *stop;

	for (const char *p = x->old; p < end; p = stop + 1) {
		const char *at = p;
		unsigned    id;

		stop = line_end(p, end);
		if (drop && parse_id(&id, next_word(&at, stop)) && id == drop)
			continue;
		put(x, p, (size_t)(stop - p));
		put_text(x, "\n");
	}
}

static void put_hash(struct edit *x)
{
	unsigned char key[32];

	if (x->keys->has_hash)
		return;
	keyset_hash_key(x->keys, key);
	put_text(x, "# The key of keyed hashes. It never changes: what is looked up in the database depends on it.\nhash ");
	put_key(x, key);
	put_text(x, "\n");
	OPENSSL_cleanse(key, sizeof key);
}

static int write_all(int fd, const char *p, size_t n)
{
	ssize_t done;

	for (; n; p += done, n -= (size_t)done) {
		done = write(fd, p, n);
		if (done < 0 && errno != EINTR)
			return -1;
		if (done < 0)
			done = 0;
	}
	return fsync(fd);
}

/* A key file of root's would shut out the user that wecomd runs as, so the owner stays. */
static int write_beside(const struct edit *x, const char *path, wc_err *e)
{
	int fd, rc = -1;

	unlink(path);     /* left over by somebody who died here, since the folder is locked */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && fchown(fd, x->was.st_uid, x->was.st_gid) == 0 && write_all(fd, x->new, x->new_n) == 0)
		rc = 0;
	else
		wc_fail(e, WC_E_CONFIG, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

static int edit_commit(struct edit *x, wc_err *e)
{
	char path[PATH_MAX + 8];

	if (x->too_long)
		return wc_fail(e, WC_E_CONFIG, "%s: it would be longer than 64 KiB", x->path);
	snprintf(path, sizeof path, "%s.new", x->path);
	if (write_beside(x, path, e) < 0) {
		unlink(path);
		return -1;
	}
	if (rename(path, x->path) < 0 || fsync(x->folder) < 0)
		return wc_fail(e, WC_E_CONFIG, "%s: %s", x->path, strerror(errno));
	return 0;
}

static int add_key(struct edit *x, int64_t seals_from_s, unsigned *id, wc_err *e)
{
	unsigned char key[32];
	char          text[40];

	if (x->keys->n == KEYS_MAX || x->keys->key[x->keys->n - 1].id == 65535)
		return wc_fail(e, WC_E_CONFIG, "%s: there is no room for another key; retire old ones", x->path);
	*id = x->keys->key[x->keys->n - 1].id + 1;
	wc_random(key, sizeof key);
	put_old(x, 0);
	put_hash(x);
	snprintf(text, sizeof text, "%u ", *id);
	put_text(x, text);
	put_key(x, key);
	snprintf(text, sizeof text, " %" PRId64 "\n", seals_from_s);
	put_text(x, text);
	OPENSSL_cleanse(key, sizeof key);
	return edit_commit(x, e);
}

int crypt_key_add(int64_t seals_from_s, unsigned *id, wc_err *e)
{
	struct edit *x = edit_begin(e);
	int          rc;

	if (!x)
		return wc_wrap(e, "key file");
	rc = add_key(x, seals_from_s, id, e);
	edit_end(x);
	return rc < 0 ? wc_wrap(e, "key file") : 0;
}

/* The key that seals now, in the file just read: another process may have changed it since we looked. */
static const struct master *sealing_in(const struct keyset *k)
{
	size_t i = k->n - 1;

	while (i && k->key[i].seals_from_s > wc_now_ms() / 1000)
		i--;
	return &k->key[i];
}

static int drop_key(struct edit *x, unsigned id, wc_err *e)
{
	const struct master *seals = sealing_in(x->keys);

	if (!find(x->keys, id))
		return wc_fail(e, WC_E_NOT_FOUND, "%s: holds no key %u", x->path, id);
	if (id >= seals->id)
		return wc_fail(e, WC_E_CONFLICT, "key %u cannot be retired: %s", id, id == seals->id ? "it seals" : "it is newer than the one that seals");
	put_hash(x);
	put_old(x, id);
	return edit_commit(x, e);
}

int crypt_key_drop(unsigned id, wc_err *e)
{
	struct edit *x = edit_begin(e);
	int          rc;

	if (!x)
		return wc_wrap(e, "key file");
	rc = drop_key(x, id, e);
	edit_end(x);
	return rc;
}
