/* The doorbell of 微信客服: the callback kf_msg_or_event. */
#pragma once

#include <wecomd/job.h>

/* The job "simulator.kf_ring", args {"token"}: rings until it is heard. */
int kf_ring_run(wc_job *job, const void *self, wc_err *e);
