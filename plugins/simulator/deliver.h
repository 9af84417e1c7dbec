/* Delivers a person's message to its bot and follows the answer to its end. */
#pragma once

#include <wecomd/job.h>

/* The job "simulator.deliver", args {"message": id}. */
int deliver_run(wc_job *job, const void *self, wc_err *e);
