#include "k8s_secret.h"

#include "commands.h"
#include "output.h"

/* RFC 1123 as Kubernetes reads it: labels of a-z, 0-9 and '-', neither first nor last a '-'. */
static bool is_label(struct str s)
{
	bool good = s.n >= 1 && s.n <= 63 && str_is_word(s, "-") && s.p[0] != '-' && s.p[s.n - 1] != '-';
	for (size_t i = 0; good && i < s.n; i++)
		good = s.p[i] < 'A' || s.p[i] > 'Z';
	return good;
}

/* Labels joined by dots: what a Secret may be called. */
static bool is_subdomain(struct str s)
{
	bool good = s.n <= 253;
	while (good && s.p != NULL)
		good = is_label(str_split(&s, '.'));
	return good;
}

int k8s_secret_check(const struct ctl *ctl)
{
	if (ctl->output != OUTPUT_K8S_SECRET)
		return ctl->secret_name.p == NULL && ctl->secret_namespace.p == NULL
			       ? EXIT_DONE
			       : ctl_usage(ctl, "--secret-name and --namespace go with --output k8s-secret");
	if (!command_prints_credentials(ctl->command))
		return ctl_usage(ctl,
				 "--output k8s-secret is for commands that print credentials: org create, client create, client secret "
				 "and client rotate");
	if (ctl->secret_name.p != NULL && !is_subdomain(ctl->secret_name))
		return ctl_usage(ctl, "--secret-name: expected a DNS subdomain (RFC 1123): a-z, 0-9, '-' and '.', such as acme-m2m-client");
	if (ctl->secret_namespace.p != NULL && !is_label(ctl->secret_namespace))
		return ctl_usage(ctl, "--namespace: expected a DNS label (RFC 1123): 1 to 63 of a-z, 0-9 and '-'");
	return EXIT_DONE;
}

static struct str secret_name(struct ctl *ctl, struct str organization)
{
	return ctl->secret_name.p != NULL ? ctl->secret_name : arena_printf(ctl->a, "%.*s-m2m-client", STR_ARG(organization));
}

/* A JSON string is a YAML one too (YAML 1.2 section 5.7), whatever the value looks like: a
 * number, "yes", or nothing at all. */
static void put_entry(struct sbuf *out, const char *key, struct str value)
{
	sbuf_printf(out, "  %s: ", key);
	sbuf_put_json(out, value);
	sbuf_putc(out, '\n');
}

void k8s_secret_put(struct ctl *ctl, struct sbuf *out, struct str organization, const struct field *fields, size_t n)
{
	sbuf_putz(out, "apiVersion: v1\nkind: Secret\nmetadata:\n");
	put_entry(out, "name", secret_name(ctl, organization));
	if (ctl->secret_namespace.p != NULL)
		put_entry(out, "namespace", ctl->secret_namespace);
	sbuf_putz(out, "  labels:\n    app.kubernetes.io/managed-by: m2mctl\ntype: Opaque\nstringData:\n");
	for (size_t i = 0; i < n; i++)
		if (fields[i].env != NULL && fields[i].text.p != NULL)
			put_entry(out, fields[i].env, fields[i].text);
}
