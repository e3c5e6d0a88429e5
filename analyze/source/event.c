// SPDX-License-Identifier: GPL-2.0-or-later
#include "analyze/source/event.h"

const char *loss_text(enum loss loss)
{
	static const char *const texts[] = {
#define X(loss, text) [LOSS_##loss] = text,
		LOSSES(X)
#undef X
	};

	return texts[loss];
}
