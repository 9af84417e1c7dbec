/* Private to plugins/kb-escalation. */
#pragma once

#include <wecomd/plugin.h>

#include "chunk.h"

struct kb {
	const char *index_folder;      /* of this node */
	const char *embedding;         /* NAME of a [model:NAME] section; "": words alone */
	int64_t     top_k, document_max;
};

/* --- versions ------------------------------------------------------------------------------------------------------- */

struct kb_state {
	int64_t     live, generation;
	const char *model;             /* of the vectors that are searched; "": none */
};

/* db not NULL: locks the row, which orders all that changes knowledge. */
int state_read(wc_db *db, wc_arena *a, struct kb_state *state, wc_err *e);

/* SQL: whether a chunk belongs to a version; two values, the version twice. */
#define IN_VERSION "added_version <= ? AND (removed_version IS NULL OR removed_version > ?)"

struct published {
	int64_t version, added, removed, chunks;     /* version 0: the draft has nothing new */
};

/* Makes the draft the live version, and adds the job that makes its vectors. -1: WC_E_CONFLICT while a document is half imported. */
int version_publish(const char *actor, const char *note, struct published *out, wc_err *e);

/* Makes the draft what version was. */
int version_restore(const char *actor, int64_t version, struct published *out, wc_err *e);

/* --- documents ------------------------------------------------------------------------------------------------------ */

struct import {
	const char *source, *title, *category, *tags, *actor;
	doc_format  format;
	wc_slice    bytes;
	bool        refresh;           /* also when nothing changed */
	bool        dry_run;           /* says what would be done */
	void      (*progress)(void *ctx, size_t done, size_t all);     /* chunks written; may be NULL */
	void       *ctx;
};

struct imported {
	int64_t     document;
	size_t      chunks, added, kept, removed;
	const char *same_as;           /* another document's source with the same content: nothing was done; NULL: none */
	bool        unchanged;         /* nothing was done */
};

/* Writes the document into the draft: what is new is added, what is gone is removed, what stays is left alone. One that broke off goes on
 * when it is called again. -1: WC_E_ARG for what cannot be read or has no text, WC_E_TOO_LARGE, WC_E_CONFLICT when another import of it began. */
int document_import(wc_arena *a, const struct kb *kb, const struct import *in, struct imported *out, wc_err *e);

/* Takes it out of the draft. */
int document_remove(const char *actor, int64_t document, wc_err *e);

/* --- vectors -------------------------------------------------------------------------------------------------------- */

/* What vectors of the configured model are kept under; "" without one. */
const char *vectors_model(wc_arena *a, const struct kb *kb);

int embed_run(wc_job *job, const void *self, wc_err *e);

/* --- search --------------------------------------------------------------------------------------------------------- */

struct found_chunk {
	int64_t     id, document;
	const char *label, *category, *heading, *question, *text, *title, *source;
	double      cosine;            /* -1: the vectors did not find it */
	double      coverage, bm25;    /* 0: the words did not */
	double      fused;             /* sum of 1 / (60 + rank) */
};

struct search {
	struct found_chunk *list;      /* the best first */
	size_t              n;
	int64_t             version;
	const char         *model;     /* "": words alone */
	const char         *why_words; /* why the vectors were not asked, for a person; NULL: they were */
	double              confidence;/* of the best: its cosine, or its coverage where no vectors were asked */
};

/* The k chunks of the live version that fit the question best. WC_E_STOPPED: the index of this node is being made. */
int kb_search(wc_arena *a, const struct kb *kb, const char *question, size_t k, struct search *out, wc_err *e);

/* --- the index of this node ----------------------------------------------------------------------------------------- */

struct index;

/* The newest index; made first when there is none, for which wait_ms is waited. NULL with *e. To be put back. */
struct index *index_get(const struct kb *kb, int64_t wait_ms, wc_err *e);
void          index_put(struct index *x);
void          index_stop(void);

struct candidate {
	int64_t id;
	double  cosine, coverage, bm25;
	size_t  by_words, by_vectors;  /* ranks from 1; 0: not found */
};

int64_t     index_version(const struct index *x);
const char *index_model(const struct index *x);

/* The wanted best of both sides; vector NULL: words alone. May hold chunks that are gone. */
int index_search(wc_arena *a, const struct index *x, const char *question, const float *vector, size_t wanted, struct candidate **list, size_t *n, wc_err *e);

/* --- the rest ------------------------------------------------------------------------------------------------------- */

extern const wc_route   kb_routes[];
extern const wc_command kb_commands[];
