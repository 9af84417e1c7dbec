/* The people of 微信客服: what customers and servicers do on their phones. For the phone page and for tests. */
#pragma once

#include "kf.h"

/* What all of them name. */
struct kf_say {
	const char   *open_kfid, *external, *msgtype, *text, *menu_id, *base64, *file_name, *userid;
	int64_t       bytes;
	const json_t *content;
};

struct kf_enter {
	const char *open_kfid, *external, *url;
};

struct kf_menu {
	const char *open_kfid, *external, *msgid, *id;
};

struct kf_recall {
	const char *msgid, *userid;
};

struct kf_fail {
	const char *open_kfid, *msgid;
	int64_t     fail_type;
};

struct kf_load {
	const char *open_kfid, *prefix, *text, *ring;
	int64_t     customers, each;
};

struct kf_new_customer {
	const char *external, *nickname, *unionid;
	int64_t     gender;
};

struct kf_switch {
	const char *open_kfid, *userid, *status, *stop_type;
	bool        activated;
};

struct kf_serve {
	const char *open_kfid, *external, *userid;
	bool        rejects;
};

struct kf_manage {
	const char *open_kfid;
	int64_t     managed, native_welcome;
};

extern const wc_field kf_say_fields[], kf_enter_fields[], kf_menu_fields[], kf_recall_fields[], kf_fail_fields[], kf_load_fields[],
	kf_new_customer_fields[], kf_switch_fields[], kf_serve_fields[], kf_manage_fields[], kf_reject_fields[];

int kf_say(wc_request *rq, const void *self);
int kf_enter(wc_request *rq, const void *self);
int kf_menu(wc_request *rq, const void *self);
int kf_recall(wc_request *rq, const void *self);
int kf_fail(wc_request *rq, const void *self);
int kf_load(wc_request *rq, const void *self);
int kf_new_customer(wc_request *rq, const void *self);

int kf_switch(wc_request *rq, const void *self);
int kf_take(wc_request *rq, const void *self);
int kf_end(wc_request *rq, const void *self);
int kf_reject(wc_request *rq, const void *self);
int kf_servicer_say(wc_request *rq, const void *self);
int kf_servicer_recall(wc_request *rq, const void *self);
int kf_manage(wc_request *rq, const void *self);

/* kf_record.c */
int kf_world(wc_request *rq, const void *self);
int kf_chat(wc_request *rq, const void *self);
int kf_sessions(wc_request *rq, const void *self);
int kf_record(wc_request *rq, const void *self);
int kf_rings(wc_request *rq, const void *self);

/* kf_media.c */
int kf_media_show(wc_request *rq, const void *self);
