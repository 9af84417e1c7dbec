/* The QR code of a join way as a PNG (ISO/IEC 18004, version 5, level L, mask 0; one block of 108 + 26 bytes). */
#include "contact.h"

#include <string.h>

#define SIDE   37
#define DATA   108
#define EC     26
#define SCALE  6
#define QUIET  4
#define PIXELS ((SIDE + 2 * QUIET) * SCALE)
#define ROW    ((PIXELS + 7) / 8 + 1)     /* with the filter byte */

/* --- error correction ------------------------------------------------------------------------------------------------ */

static unsigned char times(unsigned char x, unsigned char y)
{
	unsigned z = 0;

	for (int i = 7; i >= 0; i--) {
		z = (z << 1) ^ ((z >> 7) * 0x11d);
		z ^= ((y >> i) & 1u) * x;
	}
	return (unsigned char)z;
}

static void correct(const unsigned char *data, unsigned char rest[EC])
{
	unsigned char divisor[EC] = {0}, root = 1;

	divisor[EC - 1] = 1;
	for (int i = 0; i < EC; i++, root = times(root, 2))
		for (int j = 0; j < EC; j++)
			divisor[j] = (unsigned char)(times(divisor[j], root) ^ (j + 1 < EC ? divisor[j + 1] : 0));
	memset(rest, 0, EC);
	for (int i = 0; i < DATA; i++) {
		unsigned char factor = data[i] ^ rest[0];

		memmove(rest, rest + 1, EC - 1);
		rest[EC - 1] = 0;
		for (int j = 0; j < EC; j++)
			rest[j] ^= times(divisor[j], factor);
	}
}

/* --- the code -------------------------------------------------------------------------------------------------------- */

struct code {
	bool dark[SIDE][SIDE], fixed[SIDE][SIDE];
};

static void set(struct code *q, int row, int column, bool dark)
{
	if (row < 0 || column < 0 || row >= SIDE || column >= SIDE)
		return;
	q->dark[row][column]  = dark;
	q->fixed[row][column] = true;
}

static int distance(int x, int y)
{
	x = x < 0 ? -x : x;
	y = y < 0 ? -y : y;
	return x > y ? x : y;
}

static void finder(struct code *q, int row, int column)
{
	for (int y = -4; y <= 4; y++)
		for (int x = -4; x <= 4; x++)
			set(q, row + y, column + x, distance(x, y) != 2 && distance(x, y) != 4);
}

static void patterns(struct code *q)
{
	static const char format[] = "111011111000100";     /* level L, mask 0 */

	for (int i = 0; i < SIDE; i++) {
		set(q, 6, i, i % 2 == 0);
		set(q, i, 6, i % 2 == 0);
	}
	finder(q, 3, 3);
	finder(q, 3, SIDE - 4);
	finder(q, SIDE - 4, 3);
	for (int y = -2; y <= 2; y++)
		for (int x = -2; x <= 2; x++)
			set(q, 30 + y, 30 + x, distance(x, y) != 1);
	for (int i = 0; i < 15; i++) {
		bool dark = format[14 - i] == '1';

		set(q, i < 6 ? i : i < 8 ? i + 1 : SIDE - 15 + i, 8, dark);
		set(q, 8, i < 8 ? SIDE - 1 - i : i < 9 ? 7 : 14 - i, dark);
	}
	set(q, SIDE - 8, 8, true);
}

static void place(struct code *q, const unsigned char *bytes)
{
	int bit = 0;

	for (int right = SIDE - 1; right >= 1; right -= 2) {
		if (right == 6)
			right = 5;
		for (int i = 0; i < SIDE; i++)
			for (int j = 0; j < 2; j++) {
				int  column = right - j, row = ((right + 1) & 2) == 0 ? SIDE - 1 - i : i;
				bool dark;

				if (q->fixed[row][column])
					continue;
				dark = bit < (DATA + EC) * 8 && (bytes[bit / 8] >> (7 - bit % 8) & 1);
				bit++;
				q->dark[row][column] = dark ^ ((row + column) % 2 == 0);
			}
	}
}

/* Mode (four bits), length, text, four bits of end, and padding. */
static void encode(const char *text, unsigned char bytes[DATA + EC])
{
	size_t n = strlen(text);

	if (n > DATA - 2)
		n = DATA - 2;
	memset(bytes, 0, DATA);
	bytes[0] = (unsigned char)(0x40 | n >> 4);
	bytes[1] = (unsigned char)(n << 4);
	for (size_t i = 0; i < n; i++) {
		bytes[1 + i] |= (unsigned char)text[i] >> 4;
		bytes[2 + i] = (unsigned char)((unsigned char)text[i] << 4);
	}
	for (size_t i = n + 2; i < DATA; i++)
		bytes[i] = (i - n) % 2 == 0 ? 0xec : 0x11;
	correct(bytes, bytes + DATA);
}

/* --- the picture ----------------------------------------------------------------------------------------------------- */

static void add32(wc_buf *out, uint32_t v)
{
	const unsigned char b[] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};

	wc_buf_add(out, b, sizeof b);
}

static void chunk(wc_buf *out, const char *type, const unsigned char *p, size_t n)
{
	size_t   from = out->len + 4;
	uint32_t crc  = ~0u;

	add32(out, (uint32_t)n);
	wc_buf_adds(out, type);
	wc_buf_add(out, p, n);
	for (size_t i = from; i < out->len; i++) {
		crc ^= (unsigned char)out->s[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1) * 0xedb88320u;
	}
	add32(out, ~crc);
}

/* One deflate block that is stored as it is, in zlib's frame. */
static wc_slice stored(wc_arena *a, const unsigned char *p, size_t n)
{
	const unsigned char head[] = {0x78, 1, 1, (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)~n, (unsigned char)(~n >> 8)};
	wc_buf             *out    = wc_buf_new(a, n + 32);
	uint32_t            x = 1, y = 0;

	for (size_t i = 0; i < n; i++) {
		x = (x + p[i]) % 65521;
		y = (y + x) % 65521;
	}
	wc_buf_add(out, head, sizeof head);
	wc_buf_add(out, p, n);
	add32(out, y << 16 | x);
	return (wc_slice){out->s, out->len};
}

wc_slice contact_qr(wc_arena *a, const char *text)
{
	unsigned char        bytes[DATA + EC], *pixels = wc_alloc(a, ROW * PIXELS);
	const unsigned char  header[] = {0, 0, PIXELS >> 8, PIXELS & 255, 0, 0, PIXELS >> 8, PIXELS & 255, 1, 0, 0, 0, 0};
	struct code         *q   = wc_alloc(a, sizeof *q);
	wc_buf              *out = wc_buf_new(a, 1u << 16);
	wc_slice             packed;

	encode(text, bytes);
	patterns(q);
	place(q, bytes);
	for (int y = 0; y < PIXELS; y++)
		for (int x = 0; x < PIXELS; x++) {
			int row = y / SCALE - QUIET, column = x / SCALE - QUIET;

			if (row < 0 || column < 0 || row >= SIDE || column >= SIDE || !q->dark[row][column])
				pixels[y * ROW + 1 + x / 8] |= (unsigned char)(0x80 >> x % 8);
		}
	wc_buf_add(out, "\x89PNG\r\n\x1a\n", 8);
	chunk(out, "IHDR", header, sizeof header);
	packed = stored(a, pixels, ROW * PIXELS);
	chunk(out, "IDAT", (const unsigned char *)packed.p, packed.n);
	chunk(out, "IEND", NULL, 0);
	return (wc_slice){out->s, out->len};
}
