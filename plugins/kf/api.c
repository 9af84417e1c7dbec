/* The console's side. */
#include "kf.h"
const wc_route kf_routes[] = {{0}};
