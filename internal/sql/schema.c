#include "sql/schema.h"

#include <stddef.h>

int schema_latest_version(void)
{
	return schema_files_n;
}

const uint8_t *schema_checksum(int version)
{
	return version >= 1 && version <= schema_files_n ? schema_files[version - 1].checksum : NULL;
}
