// SPDX-License-Identifier: GPL-2.0-or-later
/* Every policy at the hand-made decisions of policy_answers.h, whose notation is read here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_answers.h"
#include "replay/policy_spec.h"
#include "replay/spin.h"

/* The letters of enum seen, in its order. */
static const char letters[] = "RPKBIQCWSN";
G_STATIC_ASSERT(sizeof(letters) - 1 == N_SEEN);

static const char *const step_names[] = {
	[STEP_SELF] = "self", [STEP_NOT_READY] = "not_ready", [STEP_BLOCKING] = "blocking",
	[STEP_USER_MODE] = "user_mode", [STEP_NOT_PREEMPTED] = "not_preempted",
	[STEP_NOT_ELIGIBLE] = "not_eligible", [STEP_NOT_RECEIVER] = "not_receiver",
	[STEP_OTHER_NODE] = "other_node",
};

#define MAX_WORDS 3
#define MAX_VCPUS (64 * MAX_WORDS)

/* A policy, and what it is asked about. */
struct scene {
	const struct policy *policy;
	struct policy_params params;
	struct policy_vm vm;
	struct spin_state state;
	struct ipi_context ipi[MAX_VCPUS];
	uint64_t seen[N_SEEN * MAX_WORDS], known[N_SEEN * MAX_WORDS];
	uint64_t rq_single[MAX_WORDS], dy_eligible[MAX_WORDS], dy_eligible_known[MAX_WORDS];
	GArray *observed;	/* of struct attempt */
	int hints[MAX_VCPUS];
	int64_t t;		/* of the last event */
};

static int hint(const struct spin_state *state, unsigned int idx)
{
	return ((const int *)state->hints)[idx];
}

static void put(uint64_t *words, unsigned int idx, bool value)
{
	uint64_t mask = UINT64_C(1) << idx % 64;

	words[idx / 64] = value ? words[idx / 64] | mask : words[idx / 64] & ~mask;
}

static bool get(const uint64_t *words, unsigned int idx)
{
	return words[idx / 64] >> idx % 64 & 1;
}

static struct scene *scene_new(const char *policy, unsigned int n_vcpus)
{
	struct scene *sc = g_new0(struct scene, 1);
	g_auto(GStrv) parts = g_strsplit(policy, " on ", 2);
	g_autoptr(GError) error = NULL;
	struct policy_params recorded = policy_spec_defaults();

	if (parts[1])
		recorded.stock_variant = STOCK_LOOP_COUNTER;
	sc->policy = policy_spec_parse(parts[0], &recorded, &sc->params, &error);
	if (!sc->policy || n_vcpus > MAX_VCPUS)
		g_error("'%s' for %u vCPUs: %s", policy, n_vcpus, error ? error->message : "too many");
	if (!strstr(policy, "ipi_window_ns"))
		sc->params.ipi_window_ns = 100;
	sc->vm = (struct policy_vm){ .n_vcpus = n_vcpus, .params = &sc->params, .ipi = sc->ipi };
	for (unsigned int i = 0; i < n_vcpus; i++)
		sc->ipi[i] = (struct ipi_context){ .last_ipi_sender = -1, .last_ipi_receiver = -1 };
	sc->state = (struct spin_state){
		.n_vcpus = n_vcpus, .n_words = (n_vcpus + 63) / 64, .now = 50, .kernel_mode = true,
		.kernel_mode_known = true, .seen = sc->seen, .known = sc->known,
		.rq_single = sc->rq_single, .dy_eligible = sc->dy_eligible,
		.dy_eligible_known = sc->dy_eligible_known,
	};
	memset(sc->known, 0xff, sizeof(sc->known));
	memset(sc->seen + QUEUED * sc->state.n_words, 0xff, sc->state.n_words * sizeof(uint64_t));
	memset(sc->seen + SAME_NODE * sc->state.n_words, 0xff, sc->state.n_words * sizeof(uint64_t));
	memset(sc->dy_eligible_known, 0xff, sizeof(sc->dy_eligible_known));
	for (unsigned int i = 0; i < n_vcpus; i++)
		sc->hints[i] = NO_TARGET;
	sc->state.hint = hint;
	sc->state.hints = sc->hints;
	sc->observed = g_array_new(FALSE, FALSE, sizeof(struct attempt));
	return sc;
}

static void scene_free(struct scene *sc)
{
	g_array_unref(sc->observed);
	g_free(sc);
}

/* "RPk?=0" */
static void parse_vcpu(struct scene *sc, unsigned int idx, const char *text, bool is_me)
{
	const char *c;

	for (c = text; *c && *c != '='; c++) {
		const char *letter = strchr(letters, g_ascii_toupper(*c));
		unsigned int row = letter ? (letter - letters) * sc->state.n_words : 0;
		bool set = g_ascii_isupper(*c), known = c[1] != '?';

		if (letter) {
			put(sc->seen + row, idx, set);
			put(sc->known + row, idx, known);
		} else if (*c == 'E' || *c == 'e') {
			put(sc->dy_eligible, idx, set);
			put(sc->dy_eligible_known, idx, known);
		} else if (*c == 'A' && is_me) {
			sc->state.spinner_rq_single = true;
		} else if (*c == 'A') {
			put(sc->rq_single, idx, true);
		} else if (*c != '.') {
			g_error("'%s' is no vCPU", text);
		}
		c += !known;
	}
	if (*c) {
		struct attempt a = { idx, .result = atoi(c + 1), .result_known = c[1] != '?' };

		g_array_append_val(sc->observed, a);
	}
}

/* Move *text past a count such as "64*". */
static unsigned int repeats(const char **text)
{
	const char *star = strchr(*text, '*');
	unsigned int n = star ? atoi(*text) : 1;

	*text = star ? star + 1 : *text;
	return n;
}

static struct scene *parse_vcpus(const char *policy, const char *vcpus)
{
	g_auto(GStrv) words = g_strsplit(vcpus, " ", -1);
	unsigned int n = 0, idx = 0;
	struct scene *sc;

	for (char **w = words; *w; w++)
		n += repeats(&(const char *){ *w });
	sc = scene_new(policy, n);
	for (char **w = words; *w; w++) {
		const char *text = *w;
		unsigned int end = idx + repeats(&text);
		bool is_me = g_str_has_prefix(text, "me");

		if (is_me)
			sc->state.me = idx;
		for (; idx < end; idx++)
			parse_vcpu(sc, idx, is_me ? text + 2 + (text[2] == ':') : text, is_me);
	}
	return sc;
}

static void happen(struct scene *sc, const char *what)
{
	const char *at = strchr(what, '@');
	int64_t t = at ? g_ascii_strtoll(at + 1, NULL, 10) : sc->t;
	const struct policy *p = sc->policy;
	unsigned int a, b;
	int vector = 40;

	sc->t = t;
	if (!g_regex_match_simple("^(\\d+>\\d+(:\\d+)?(@\\d+)?|eoi\\d+(:-?\\d+)?(@\\d+)?|reset\\d+|"
				  "unknown\\d+@\\d+|probed>\\d+@\\d+|now@\\d+|user|mode\\?|hint\\d+>\\d+)$", what, 0, 0))
		g_error("'%s' cannot be given", what);
	if (sscanf(what, "%u>%u:%d", &a, &b, &vector) >= 2) {
		if (p->on_ipi)
			p->on_ipi(&sc->vm, a, b, vector, t);
	} else if (sscanf(what, "eoi%u:%d", &a, &vector) >= 1) {
		if (p->on_eoi)
			p->on_eoi(&sc->vm, a, vector, t);
	} else if (sscanf(what, "reset%u", &a) == 1) {
		if (p->on_reset)
			p->on_reset(&sc->vm, a);
	} else if (sscanf(what, "hint%u>%u", &a, &b) == 2) {
		sc->hints[a] = b;
	} else if (sscanf(what, "unknown%u", &a) == 1) {
		sc->ipi[a].unknown = true;
		sc->ipi[a].ipi_time_ns = t;
	} else if (sscanf(what, "probed>%u", &a) == 1) {
		sc->state.has_ipi = true;
		sc->state.ipi = (struct ipi_context){ -1, a, .pending_ipi = true, .ipi_time_ns = t };
	} else if (*what == 'n') {
		sc->state.now = t;
	} else if (*what == 'u') {
		sc->state.kernel_mode = false;
	} else {
		sc->state.kernel_mode_known = false;
	}
}

static void happen_all(struct scene *sc, const char *given)
{
	g_auto(GStrv) words = g_strsplit(given, " ", -1);

	for (char **w = words; *given && *w; w++)
		happen(sc, *w);
}

static bool alike(const struct spin_step *a, const struct spin_step *b)
{
	return a->round == b->round && a->step == b->step && a->result == b->result &&
	       a->certain == b->certain && a->idx + 1 == b->idx;
}

static void print_steps(GString *out, const GArray *steps)
{
	const struct spin_step *s = (const struct spin_step *)steps->data, *end = s + steps->len, *first;
	unsigned int round = 0;

	for (; s < end; s++) {
		for (; round < s->round; round++)
			g_string_append(out, "/ ");
		g_string_append_printf(out, "%u", s->idx);
		for (first = s; s + 1 < end && alike(s, s + 1);)
			s++;
		if (s > first)
			g_string_append_printf(out, "..%u", s->idx);
		if (s->step == STEP_TRIED)
			g_string_append_printf(out, "=%d", s->result);
		else
			g_string_append_printf(out, ":%s", step_names[s->step]);
		g_string_append(out, s->certain ? " " : "? ");
	}
}

/* The attempts, told apart from the steps, must be those among the steps. */
static bool attempts_agree(const GArray *attempts, const GArray *steps)
{
	guint n = 0;

	for (guint i = 0; i < steps->len; i++) {
		const struct spin_step *s = &g_array_index(steps, struct spin_step, i);
		const struct attempt *a = &g_array_index(attempts, struct attempt, n);

		if (s->step == STEP_TRIED && (n++ == attempts->len || a->target_idx != s->idx ||
					      a->result != s->result))
			return false;
	}
	return n == attempts->len;
}

static char *print_outcome(const struct scene *sc, const struct spin_result *r, const GArray *steps)
{
	GString *out = g_string_new(NULL);
	unsigned int n_vcpus = sc->state.n_vcpus;
	int stored = r->pick == NO_TARGET ? NO_TARGET :
		     spin_stored_value(&sc->params, n_vcpus, MAX(sc->state.last_boosted_vcpu, 0), r->pick);

	print_steps(out, steps);
	if (r->pick == NO_TARGET)
		g_string_append(out, "-> nobody");
	else
		g_string_append_printf(out, "-> %d", r->pick);
	if (r->uncertain)
		g_string_append_c(out, '?');
	if (stored != r->pick)
		g_string_append_printf(out, " stored=%d", stored);
	for (unsigned int i = 0; i < n_vcpus; i++) {
		bool set = get(r->dy_eligible, i), known = get(r->dy_eligible_known, i);

		if (set || !known)
			g_string_append_printf(out, " %c%u%s", set ? 'E' : 'e', i, known ? "" : "?");
	}
	if (!attempts_agree(r->attempts, steps))
		g_string_append(out, " and the attempts differ");
	return g_string_free(out, FALSE);
}

static char *print_contexts(const struct policy_vm *vm)
{
	GString *out = g_string_new(NULL);

	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		const struct ipi_context *c = &vm->ipi[i];

		if (!c->pending_ipi && c->last_ipi_sender < 0 && c->last_ipi_receiver < 0)
			continue;
		g_string_append_printf(out, "%s%u:", out->len ? " " : "", i);
		if (c->pending_ipi || c->last_ipi_receiver >= 0)
			g_string_append_printf(out, c->pending_ipi ? ">%d" : "(>%d)", c->last_ipi_receiver);
		if (c->last_ipi_sender >= 0)
			g_string_append_printf(out, "<%d", c->last_ipi_sender);
		if (vm->params->series >= 3)
			g_string_append_printf(out, "v%u", c->vector);
	}
	return g_string_free(out, FALSE);
}

/* A row under one of its policies. */
struct test_case {
	const void *row;
	char policy[100];
};

static void compare(const char *got, const char *expected)
{
	if (!strcmp(got, expected))
		return;
	g_test_message("expected %s", expected);
	g_test_message("got      %s", got);
	g_test_fail();
}

static void test_decision(gconstpointer data)
{
	const struct test_case *tc = data;
	const struct row *row = tc->row;
	struct scene *sc = parse_vcpus(tc->policy, row->vcpus);
	struct spin_result *result = spin_result_new(sc->state.n_words);
	g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(struct spin_step));
	g_autofree char *got = NULL;

	g_test_message("vCPUs    %s, last %d, given '%s'", row->vcpus, row->last, row->given);
	sc->state.last_boosted_vcpu = row->last;
	happen_all(sc, row->given);
	if (sc->observed->len)
		spin_ask(sc->policy, &sc->vm, &sc->state, SPIN_OBSERVED, sc->observed, steps, result);
	else
		spin_ask(sc->policy, &sc->vm, &sc->state, SPIN_MODEL, NULL, steps, result);
	got = print_outcome(sc, result, steps);
	compare(got, row->expect);
	spin_result_free(result);
	scene_free(sc);
}

static void test_context(gconstpointer data)
{
	const struct test_case *tc = data;
	const struct context_row *row = tc->row;
	struct scene *sc = scene_new(tc->policy, 4);
	g_autofree char *got = NULL;

	g_test_message("given    '%s'", row->given);
	happen_all(sc, row->given);
	got = print_contexts(&sc->vm);
	compare(got, row->after);
	scene_free(sc);
}

static void test_window(gconstpointer data)
{
	const struct test_case *tc = data;
	const struct window_row *row = tc->row;
	struct scene *sc = scene_new(tc->policy, 4);
	const struct answer_times *a = &sc->vm.answers;

	g_test_message("given    '%s'", row->given);
	happen_all(sc, row->given);
	g_assert_cmpuint(a->srtt_8, ==, row->after.srtt_8);
	g_assert_cmpuint(a->rttvar_4, ==, row->after.rttvar_4);
	g_assert_cmpuint(a->window_ns, ==, row->after.window_ns);
	scene_free(sc);
}

/* One test per policy of a row: /GROUP/NAME/POLICY. */
static void add(const char *group, const char *name, const char *names, const void *row, GTestDataFunc run)
{
	g_auto(GStrv) list = g_strsplit(names, " | ", -1);

	for (char **policy = list; *policy; policy++) {
		g_autofree char *path = g_strdup_printf("/%s/%s/%s", group, name, *policy);
		struct test_case *tc = g_new(struct test_case, 1);

		tc->row = row;
		g_strlcpy(tc->policy, *policy, sizeof(tc->policy));
		g_test_add_data_func_full(path, tc, run, g_free);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();	/* all failing rows, not the first */
	for (const struct row *r = rows; r < rows + G_N_ELEMENTS(rows); r++)
		add("decision", r->name, r->policies, r, test_decision);
	for (const struct context_row *r = context_rows; r < context_rows + G_N_ELEMENTS(context_rows); r++)
		add("ipi_context", r->name, r->policies, r, test_context);
	for (const struct window_row *r = window_rows; r < window_rows + G_N_ELEMENTS(window_rows); r++)
		add("window", r->name, r->policies, r, test_window);
	return g_test_run();
}
