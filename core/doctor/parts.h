/* Private to core/doctor: the core's own checks. */
#pragma once

#include "doctor/doctor.h"

#include <wecomd/plugin.h>

const struct doctor_patient *patient(void);

/* --- machine.c ------------------------------------------------------------------------------------------------------ */

void check_configuration(wc_findings *f, const void *self);
void check_database(wc_findings *f, const void *self);
void check_schema(wc_findings *f, const void *self);
void check_database_clock(wc_findings *f, const void *self);
void check_key_file(wc_findings *f, const void *self);
void check_disk(wc_findings *f, const void *self);
void check_descriptors(wc_findings *f, const void *self);

/* --- services.c ----------------------------------------------------------------------------------------------------- */

void check_web(wc_findings *f, const void *self);
void check_worker(wc_findings *f, const void *self);
int  ping_job(wc_job *job, const void *self, wc_err *e);
void check_callbacks(wc_findings *f, const void *self);
void check_models(wc_findings *f, const void *self);
