// SPDX-License-Identifier: GPL-2.0-or-later
/* A function is fit for a probe if it is in kallsyms once, and whole. */
#include <glib.h>

#include "capture/symbols.h"
#include "tests/fake_kernel.h"

#define F "kvm_vcpu_yield_to"

static void test_refusals(void)
{
	static const struct { const char *kallsyms, *module, *why; } rows[] = {
		{ "0000000000000000 T " F "\n", NULL, NULL },
		{ "ffffffff81000000 t " F "\t[kvm]\n", "kvm", NULL },
		{ "ffffffff81000000 t " F "\t[kvm]", "kvm", NULL },
		{ "0 w " F "\n0 T " F "_more\n0 T __pfx_" F "\n0 d x" F "\n", NULL, NULL },
		{ "0 T " F "\t[kvm]\n0 t " F ".cold\t[kvm]\n", "kvm", NULL },
		{ "0 t " F ".cold.12\n0 T " F "\n", NULL, NULL },
		{ "0 T other\n", NULL, "'" F "' is not in kallsyms: inlined, or KVM is not loaded" },
		{ "", NULL, "'" F "' is not in kallsyms: inlined, or KVM is not loaded" },
		{ "0 t " F "\t[kvm]\n0 t " F "\t[other]\n", "kvm", "'" F "' is 2 times in kallsyms" },
		{ "0 T " F "\n0 d " F "\t[other]\n", NULL, "'" F "' is 2 times in kallsyms" },
		{ "0 D " F "\n", NULL, "'" F "' in kallsyms is not a function" },
		{ "0 t " F ".isra.0\n", NULL, "the compiler changed '" F "' ('" F ".isra.0' is in kallsyms)" },
		{ "0 T " F "\n0 t " F ".part.0\n", NULL,
		  "the compiler changed '" F "' ('" F ".part.0' is in kallsyms)" },
		{ "0 T " F "\n0 t " F ".constprop.0\n0 t " F ".isra.0\n", NULL,
		  "the compiler changed '" F "' ('" F ".constprop.0' is in kallsyms)" },
		{ "0 T " F "\n0 t " F ".constprop.0.cold\n", NULL,
		  "the compiler changed '" F "' ('" F ".constprop.0.cold' is in kallsyms)" },
		{ "0 T " F "\n0 t " F ".colder\n", NULL,
		  "the compiler changed '" F "' ('" F ".colder' is in kallsyms)" },
	};
	char *root = fake_kernel_new();

	for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct symbol symbols[] = { { "nonesuch" }, { F } };
		g_autoptr(GError) error = NULL;
		g_autofree char *why = NULL;

		fake_kernel_write(root, "proc/kallsyms", rows[i].kallsyms);
		g_assert_true(symbols_find(root, symbols, 2, &error));
		g_assert_no_error(error);
		why = symbol_refusal(&symbols[1]);
		g_assert_cmpstr(why, ==, rows[i].why);
		g_assert_cmpstr(symbols[1].module, ==, rows[i].module);
		g_assert_cmpint(symbols[0].n, ==, 0);
		symbols_release(symbols, 2);
	}
	fake_kernel_remove(root);
}

static void test_unreadable(void)
{
	static const char *const texts[] = { NULL, "PATH=/bin\n", "0 T \n", "0 TT " F "\n", "\n" };
	char *root = fake_kernel_new();

	for (unsigned int i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct symbol symbol = { F };
		g_autoptr(GError) error = NULL;

		if (texts[i])
			fake_kernel_write(root, "proc/kallsyms", texts[i]);
		g_assert_false(symbols_find(root, &symbol, 1, &error));
		g_assert_nonnull(error);
		g_assert_cmpint(error->domain, ==, G_FILE_ERROR);
		g_assert_cmpint(error->code, ==, texts[i] ? G_FILE_ERROR_INVAL : G_FILE_ERROR_NOENT);
	}
	fake_kernel_remove(root);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/symbols/refusals", test_refusals);
	g_test_add_func("/symbols/unreadable", test_unreadable);
	return g_test_run();
}
