/* The key file: read once, checked line by line, kept for the life of the process. */
#include "keys.h"

#include "algos.h"
#include "crypt.h"
#include "hash.h"

#include <wecomd/arena.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u << 10)
#define KEYS_MAX 256

/* Ordered by id once loaded. Written by crypt_open() before there are threads, then only read. */
struct keys {
	size_t        n;
	struct master key[KEYS_MAX];
};

static struct keys loaded;

const struct master *keys_newest(void)
{
	algos_must(loaded.n > 0, "no key: crypt_open() comes first");
	return &loaded.key[loaded.n - 1];
}

static const struct master *find(const struct keys *k, unsigned id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->key[i].id == id)
			return &k->key[i];
	return NULL;
}

const struct master *keys_find(unsigned id)
{
	algos_must(loaded.n > 0, "no key: crypt_open() comes first");
	return find(&loaded, id);
}

static int by_id(const void *left, const void *right)
{
	const struct master *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether the word [p, end) is an id. */
static bool parse_id(unsigned *id, const char *p, const char *end)
{
	if (p == end || end - p > 5)
		return false;
	for (*id = 0; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*id = *id * 10 + (unsigned)(*p - '0');
	}
	return *id >= 1 && *id <= 65535;
}

static bool parse_key(unsigned char key[32], const char *p, const char *end)
{
	if (end - p != 64)
		return false;
	for (size_t i = 0; i < 32; i++, p += 2) {
		int high = hex_digit(p[0]), low = hex_digit(p[1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* Reads the line [p, end) and adds its key, if it has one. NULL, or what is wrong with it. */
static const char *parse_line(struct keys *k, const char *p, const char *end)
{
	struct master *m = &k->key[k->n];
	const char    *word;

	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	if (p == end || *p == '#')
		return NULL;
	if (k->n == KEYS_MAX)
		return "the file holds more than 256 keys";
	for (word = p; p < end && !is_blank(*p); )
		p++;
	if (!parse_id(&m->id, word, p))
		return "the line does not start with an id from 1 to 65535";
	if (find(k, m->id))
		return "this id stands on an earlier line already";
	while (p < end && is_blank(*p))
		p++;
	if (!parse_key(m->key, p, end))
		return "the id is not followed by 64 hexadecimal digits";
	k->n++;
	return NULL;
}

static int parse(struct keys *k, const char *file, const char *p, size_t n, wc_err *e)
{
	const char *end = p + n, *line_end, *wrong;

	for (unsigned line = 1; p < end; p = line_end + 1, line++) {
		line_end = memchr(p, '\n', (size_t)(end - p));
		if (!line_end)
			line_end = end;
		wrong = parse_line(k, p, line_end);
		if (wrong)
			return wc_fail(e, WC_E_CONFIG, "%s:%u: %s", file, line, wrong);
	}
	if (!k->n)
		return wc_fail(e, WC_E_CONFIG, "%s: holds no key; a line is an id and 64 hexadecimal digits", file);
	qsort(k->key, k->n, sizeof k->key[0], by_id);
	return 0;
}

/* Reads into p, which has room for FILE_MAX + 1 bytes, so that a longer file shows. */
static int read_all(int fd, const char *file, char *p, size_t *n, wc_err *e)
{
	ssize_t got;

	for (*n = 0; *n <= FILE_MAX; *n += (size_t)got) {
		got = read(fd, p + *n, FILE_MAX + 1 - *n);
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
static int open_private(const char *file, wc_err *e)
{
	struct stat st;
	int         fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return wc_fail(e, WC_E_CONFIG, "%s: %s", file, strerror(errno));
	if (fstat(fd, &st) < 0)
		wc_fail(e, WC_E_CONFIG, "%s: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		wc_fail(e, WC_E_CONFIG, "%s: not a regular file", file);
	else if (st.st_mode & 077)
		wc_fail(e, WC_E_CONFIG, "%s: open to group or others (mode %04o), but only its owner may read it: chmod 600",
		        file, st.st_mode & 07777);
	else
		return fd;
	close(fd);
	return -1;
}

int crypt_open(const char *key_file, wc_err *e)
{
	struct keys k = {0};
	char       *content;
	size_t      n;
	int         fd, rc;

	if (!key_file || !*key_file)
		return wc_fail(e, WC_E_CONFIG, "[crypt] key_file is not set");
	fd = open_private(key_file, e);
	if (fd < 0)
		return wc_wrap(e, "key file");
	content = wc_xalloc(FILE_MAX + 1);
	rc      = read_all(fd, key_file, content, &n, e);
	if (!rc)
		rc = parse(&k, key_file, content, n, e);
	if (!rc) {
		loaded = k;
		hash_rekey(k.key[0].key);
	}
	OPENSSL_cleanse(&k, sizeof k);
	OPENSSL_cleanse(content, FILE_MAX + 1);
	free(content);
	close(fd);
	return rc < 0 ? wc_wrap(e, "key file") : 0;
}
