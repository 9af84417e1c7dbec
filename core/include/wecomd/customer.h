/* Customers: people outside the company. Each has a data key of its own, so that erasing the customer destroys the key.
 *
 * What a plugin keeps about a customer is sealed with wc_customer_seal() and can be exported and erased through its sections. */
#pragma once

#include <stdint.h>

#include <wecomd/arena.h>
#include <wecomd/db.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

/* Makes a customer with a fresh data key; its id, or -1. db as in wc_db_exec(). */
int64_t wc_customer_new(wc_db *db, wc_err *e);

/* As wc_seal()/wc_unseal(), under the customer's key; about is "table.column" here too. Pass the transaction that is open: it may be the
 * one that makes the customer. -1: WC_E_NOT_FOUND for a customer that is unknown or erased; what was sealed does not open any more within
 * a second after the erasure, in no process. Such columns need no .sealed: rotation seals the data keys anew, not the data. */
int wc_customer_seal(wc_db *db, wc_arena *a, int64_t customer, const char *about, wc_slice plain, wc_slice *sealed, wc_err *e);
int wc_customer_unseal(wc_db *db, wc_arena *a, int64_t customer, const char *about, wc_slice sealed, wc_slice *plain, wc_err *e);

/* The privacy notice ([customer] privacy_notice) that this customer is to be told at first contact: *text once for each customer, as part of the
 * transaction that adds the message; NULL when it was told already or none is set. 0, or -1 with *e. */
int wc_customer_notice(wc_db *db, int64_t customer, const char **text, wc_err *e);

/* The value in the arena, or NULL with *e; JSON null leaves the member out. */
typedef json_t *wc_section_fn(wc_arena *a, int64_t id, const void *self, wc_err *e);

/* A plugin's part of a resource that core owns: its member in GET /api/customers/{id}, its part of the export, its part of the erasure. */
typedef struct wc_section {
	const char    *resource;   /* "customer" */
	const char    *name;       /* the member, such as "insight"; one plugin has it */
	wc_section_fn *read;       /* for viewers: personal data masked */
	wc_section_fn *whole;      /* for the export: everything that is kept about the customer. NULL: what read gives */
	int          (*erase)(wc_db *db, int64_t id, const void *self, wc_err *e);          /* in the erasure's transaction; may be NULL */
} wc_section;
