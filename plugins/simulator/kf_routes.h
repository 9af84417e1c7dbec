/* The routes of 微信客服, and what is there when the simulator starts. */
#pragma once

#include "kf_api.h"
#include "kf_chance.h"
#include "kf_control.h"
#include "kf_people.h"
#include "sim_clock.h"

/* Accounts, servicers and customers of the configuration, where they are not there yet. */
int kf_seed(const struct simulator *sim, wc_err *e);

#define KF_CGI(m, at, run, text) {m, "/sim/cgi-bin/" at, WC_ANYONE, run, text, .body_max = 1u << 20}
#define KF_POST(at, run, text)   KF_CGI(WC_POST, at, run, text), KF_CGI(WC_GET, at, kf_wrong_method, "Refused as WeCom refuses it")
#define KF_DO(at, run, text, body_fields, body_type) {WC_POST, "/sim/api/" at, WC_ANYONE, run, text, body_fields, sizeof(struct body_type), .body_max = 32u << 20}

#define KF_ROUTES \
	KF_POST("kf/sync_msg", kf_sync_msg, "What came in at an account behind a cursor"), \
	KF_POST("kf/send_msg", kf_send_msg, "Sends a message to a customer"), \
	KF_POST("kf/send_msg_on_event", kf_send_msg_on_event, "Says the word that an event allows"), \
	KF_POST("kf/service_state/get", kf_state_get, "Who has a session"), \
	KF_POST("kf/service_state/trans", kf_state_trans, "Hands a session on, or ends it"), \
	KF_POST("kf/servicer/add", kf_servicer_add, "Adds servicers"), \
	KF_POST("kf/servicer/del", kf_servicer_del, "Removes servicers"), \
	KF_CGI(WC_GET, "kf/servicer/list", kf_servicer_list, "The servicers of an account"), \
	KF_POST("kf/account/add", kf_account_add, "Adds an account"), \
	KF_POST("kf/account/del", kf_account_del, "Removes an account"), \
	KF_POST("kf/account/update", kf_account_update, "Changes name or avatar"), \
	KF_POST("kf/account/list", kf_account_list, "The accounts"), \
	KF_POST("kf/add_contact_way", kf_add_contact_way, "A link into an account"), \
	KF_POST("kf/customer/batchget", kf_customer_batchget, "Who customers are"), \
	KF_CGI(WC_GET, "kf/customer/get_upgrade_service_config", kf_upgrade_config, "Who customers may be handed to"), \
	KF_POST("kf/customer/upgrade_service", kf_upgrade, "Hands a customer to a member or a group"), \
	KF_POST("kf/customer/cancel_upgrade_service", kf_upgrade_cancel, "Takes that back"), \
	KF_POST("kf/get_corp_statistic", kf_corp_statistic, "Numbers of an account by day"), \
	KF_POST("kf/get_servicer_statistic", kf_servicer_statistic, "Numbers of its servicers by day"), \
	{WC_POST, "/sim/cgi-bin/media/upload", WC_ANYONE, kf_media_upload, "Keeps a file for three days", .body_max = 22u << 20}, \
	KF_CGI(WC_GET, "media/get", kf_media_get, "Gives it back"), \
	KF_DO("kf/say", kf_say, "A customer writes", kf_say_fields, kf_say), \
	KF_DO("kf/enter", kf_enter, "A customer opens an account", kf_enter_fields, kf_enter), \
	KF_DO("kf/menu", kf_menu, "A customer taps an item of a menu", kf_menu_fields, kf_menu), \
	KF_DO("kf/recall", kf_recall, "A customer recalls a message", kf_recall_fields, kf_recall), \
	KF_DO("kf/fail", kf_fail, "An accepted message fails after all", kf_fail_fields, kf_fail), \
	KF_DO("kf/load", kf_load, "Many customers write at once", kf_load_fields, kf_load), \
	KF_DO("kf/customers", kf_new_customer, "Adds or changes a customer", kf_new_customer_fields, kf_new_customer), \
	KF_DO("kf/manage", kf_manage, "What the app may do at an account", kf_manage_fields, kf_manage), \
	KF_DO("kf/servicer", kf_switch, "A servicer begins or stops receiving", kf_switch_fields, kf_switch), \
	KF_DO("kf/servicer/take", kf_take, "A servicer takes a session", kf_serve_fields, kf_serve), \
	KF_DO("kf/servicer/end", kf_end, "A servicer ends a session", kf_serve_fields, kf_serve), \
	KF_DO("kf/servicer/say", kf_servicer_say, "A servicer answers", kf_say_fields, kf_say), \
	KF_DO("kf/servicer/recall", kf_servicer_recall, "A servicer recalls a message", kf_recall_fields, kf_recall), \
	KF_DO("kf/servicer/reject", kf_reject, "A servicer refuses a customer's messages", kf_reject_fields, kf_serve), \
	{WC_GET, "/sim/api/kf/world", WC_ANYONE, kf_world, "Accounts with servicers and links, and customers"}, \
	{WC_GET, "/sim/api/kf/chat", WC_ANYONE, kf_chat, "The newest messages of a customer at an account"}, \
	{WC_GET, "/sim/api/kf/media/{id}", WC_ANYONE, kf_media_show, "A file of a chat, for the phone"}, \
	{WC_GET, "/sim/api/kf/sessions", WC_ANYONE, kf_sessions, "The sessions of an account"}, \
	{WC_GET, "/sim/api/kf/record", WC_ANYONE, kf_record, "The books: everything sent, everything that came in, every change of a session"}, \
	{WC_GET, "/sim/api/kf/rings", WC_ANYONE, kf_rings, "The newest doorbells and how they went"}, \
	{WC_GET, "/sim/api/kf/control", WC_ANYONE, kf_control_get, "What tests have changed"}, \
	KF_DO("kf/control", kf_control_set, "Changes it", kf_control_fields, kf_control), \
	{WC_GET, "/sim/api/chance", WC_ANYONE, kf_chance_get, "The share of calls that fail"}, \
	KF_DO("chance", kf_chance_set, "Lets a share of the calls fail", kf_chance_fields, kf_chance), \
	{WC_GET, "/sim/api/clock", WC_ANYONE, sim_clock_get, "The simulator's time"}, \
	KF_DO("clock", sim_clock_set, "Moves the simulator's clock", sim_clock_fields, sim_clock)
