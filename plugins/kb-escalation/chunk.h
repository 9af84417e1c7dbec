/* Documents cut into chunks: what is searched, shown to the model and cited.
 *
 * A chunk has about 500 characters, ends between paragraphs or sentences where it can, and begins with the last sentence of the one
 * before, so that nothing is torn apart. A question with its answer is one chunk, whatever its length. */
#pragma once

#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>

#define CHUNK_CHARS   500
#define CHUNK_OVERLAP 80      /* characters at most */

typedef enum doc_format { DOC_TEXT = 1, DOC_MARKDOWN, DOC_HTML, DOC_CSV } doc_format;

struct chunk {
	const char *heading;      /* the headings above it, "配送 > 运费"; "" where there is none */
	const char *question;     /* of a question-answer pair; NULL: none */
	const char *text;         /* the answer, where there is a question */
	const char *category;     /* the pair's own; NULL: the document's */
	const char *label;        /* the pair's "id"; NULL: none */
};

/* By the name's ending: .md .markdown .txt .htm .html .csv; 0 for another. */
doc_format doc_format_of(const char *name);

/* The chunks in the order of the document, in the arena. CSV has a head line with "question" (or 问题) and "answer" (答案, 回答), and may have "category" (分类) and
 * "id"; other columns are left aside. -1 with *e: WC_E_ARG for bytes that are no UTF-8 (a leading BOM is dropped), with their place, and for a
 * table without these columns or with a torn line, with the line. */
int chunks_of(wc_arena *a, doc_format format, wc_slice bytes, struct chunk **list, size_t *count, wc_err *e);
