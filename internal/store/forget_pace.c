#include "store/forget_pace.h"

int32_t forget_rows_after(int32_t rows, bool failed)
{
	if (failed)
		return rows / 10 > FORGET_ROWS_MIN ? rows / 10 : FORGET_ROWS_MIN;
	return rows < FORGET_ROWS / 2 ? 2 * rows : FORGET_ROWS;
}
