/* The calls of 微信客服 under /sim/cgi-bin/kf and media. */
#pragma once

#include "kf.h"

int kf_sync_msg(wc_request *rq, const void *self);

int kf_send_msg(wc_request *rq, const void *self);
int kf_send_msg_on_event(wc_request *rq, const void *self);

/* A message that was accepted fails after all: noted, and told by an event. */
int kf_send_fails(const struct kf_tx *t, const char *msgid, int64_t fail_type, wc_err *e);

int kf_state_get(wc_request *rq, const void *self);
int kf_state_trans(wc_request *rq, const void *self);

int kf_account_add(wc_request *rq, const void *self);
int kf_account_del(wc_request *rq, const void *self);
int kf_account_update(wc_request *rq, const void *self);
int kf_account_list(wc_request *rq, const void *self);
int kf_add_contact_way(wc_request *rq, const void *self);

/* A link with that scene ("" for none): made when there is none of the account. */
int kf_link(wc_db *db, wc_arena *a, const char *open_kfid, const char *scene, const char **url, wc_err *e);

int kf_servicer_add(wc_request *rq, const void *self);
int kf_servicer_del(wc_request *rq, const void *self);
int kf_servicer_list(wc_request *rq, const void *self);

int kf_customer_batchget(wc_request *rq, const void *self);
int kf_upgrade_config(wc_request *rq, const void *self);
int kf_upgrade(wc_request *rq, const void *self);
int kf_upgrade_cancel(wc_request *rq, const void *self);

int kf_corp_statistic(wc_request *rq, const void *self);
int kf_servicer_statistic(wc_request *rq, const void *self);

int kf_media_upload(wc_request *rq, const void *self);
int kf_media_get(wc_request *rq, const void *self);

/* What is refused as WeCom refuses a GET where it wants a POST. */
int kf_wrong_method(wc_request *rq, const void *self);
