/* A plugin that stays: the log tells when its resident begins and ends. */
#include <wecomd/plugin.h>

#include <poll.h>

struct stayer {
	const char *word, *token;
	bool        stubborn;
};

static int stay(const void *self, int stop_fd, wc_err *e)
{
	const struct stayer *stayer = self;
	struct pollfd        stop   = {stop_fd, POLLIN, 0};

	wc_log(WC_INFO, "stayer begins", wc_kv_s("word", stayer->word));
	while (poll(&stop, 1, 100) == 0 || stayer->stubborn)
		if (stop.revents)
			wc_sleep_ms(100);
	wc_log(WC_INFO, "stayer ends", wc_kv_s("word", stayer->word));
	(void)e;
	return 0;
}

WC_PLUGIN(stayer, struct stayer,
	.summary  = "Stays",
	.settings = WC_SETTINGS(
		{WC_STRING, "word", "one", offsetof(struct stayer, word), "what it says", .runtime = true, .max = 20},
		{WC_BOOL, "stubborn", "off", offsetof(struct stayer, stubborn), "whether it goes on when it is told to stop", .runtime = true},
		{WC_SECRET, "token", "", offsetof(struct stayer, token), "a secret that nobody may see", .runtime = true}),
	.resident = stay);
