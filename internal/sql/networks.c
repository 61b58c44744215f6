#include "sql/networks.h"

#include "base/cidr.h"

static bool fail(struct networks_fault *ret, struct str network, const char *says)
{
	*ret = (struct networks_fault){network, says != NULL ? says : " is no network."};
	return false;
}

static bool read_one(struct arena *a, struct str text, struct cidr *ret, struct networks_fault *ret_fault)
{
	char meant[CIDR_TEXT_MAX];
	enum err err = cidr_parse(text, ret);
	if (err == ERR_OK)
		return true;
	if (err != ERR_MISMATCH)
		return fail(ret_fault, text, " is no network in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32.");
	cidr_format(ret, meant);
	return fail(ret_fault, text, arena_printf(a, " has bits set behind its prefix; the network is %s.", meant).p);
}

static bool among(const struct cidr *all, size_t n, const struct cidr *one)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_eq(&all[i], one))
			return true;
	return false;
}

static struct str canonical(struct arena *a, const struct cidr *c)
{
	char text[CIDR_TEXT_MAX];
	cidr_format(c, text);
	return arena_copy(a, str_of(text));
}

bool networks_settle(struct arena *a, struct networks *networks, struct networks_fault *ret)
{
	struct cidr all[NETWORKS_MAX];
	size_t n = 0;
	if (networks->v == NULL)
		return true;
	if (networks->n == 0 || networks->n > NETWORKS_MAX)
		return fail(ret, STR_NONE, "allowed_networks must be a list of 1 to 64 networks, or null for any.");
	for (size_t i = 0; i < networks->n; i++) {
		if (!read_one(a, networks->v[i], &all[n], ret))
			return false;
		n += !among(all, n, &all[n]);
	}
	struct str *texts = arena_alloc(a, n * sizeof *texts);
	if (texts == NULL)
		return fail(ret, STR_NONE, "There is no memory for so many networks.");
	for (size_t i = 0; i < n; i++)
		texts[i] = canonical(a, &all[i]);
	networks->v = texts;
	networks->n = n;
	return true;
}
