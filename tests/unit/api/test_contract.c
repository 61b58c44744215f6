/* Holds the two API documents (openapi.yaml as JSON, m2m.proto as descriptors) and the program's
 * tables (op_table.h, err_table.h) to one another. What one of them says and another doesn't is
 * a failure here. */
#include <criterion/criterion.h>

#include "google/api/http.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/descriptors.h"
#include "op/console.h"
#include "op/op.h"
#include "op/openapi.h"
#include "op/portal.h"
#include "json/json_read.h"

typedef Google__Api__HttpRule HttpRule;
typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__FieldDescriptorProto Field;
typedef Google__Protobuf__FileDescriptorProto File;
typedef Google__Protobuf__FileDescriptorSet FileSet;
typedef Google__Protobuf__MethodDescriptorProto Method;
typedef Google__Protobuf__ServiceDescriptorProto Service;

#define HTTP_EXTENSION 72295728 /* google.api.http */
#define PACKAGE        "m2m.v1"

static struct arena *arena;
static const struct json *contract;
static FileSet *descriptor_set;
static const File *proto;
static const Service *service;

static void up(void)
{
	arena = arena_new(8 << 20);
	cr_assert_not_null(arena);
	cr_assert_eq(json_parse(arena, openapi_json, (struct json_limits){.max_depth = 32, .max_values = 16384}, &contract), ERR_OK);
	descriptor_set = google__protobuf__file_descriptor_set__unpack(NULL, descriptors_n, descriptors);
	cr_assert_not_null(descriptor_set);
	for (size_t i = 0; i < descriptor_set->n_file; i++)
		if (strcmp(descriptor_set->file[i]->package, PACKAGE) == 0)
			proto = descriptor_set->file[i];
	cr_assert(proto != NULL && proto->n_service == 1);
	service = proto->service[0];
	cr_assert_str_eq(service->name, "M2MClients");
}

static void down(void)
{
	google__protobuf__file_descriptor_set__free_unpacked(descriptor_set, NULL);
	arena_free(arena);
}

TestSuite(contract, .init = up, .fini = down);

/* ---- looking into the JSON document ---- */

static const struct json *member(const struct json *object, struct str name)
{
	if (object == NULL || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *it = object->child; it != NULL; it = it->next)
		if (str_eq(it->key, name))
			return it;
	return NULL;
}

/* What a {"$ref": "#/a/b"} points to, or the value itself. */
static const struct json *resolve(const struct json *value)
{
	const struct json *ref = json_get(value, "$ref");
	if (ref == NULL)
		return value;
	struct str path = ref->text;
	const struct json *at = contract;
	struct str root = str_split(&path, '/');
	cr_assert(str_eq(root, STR("#")), "%.*s", STR_ARG(ref->text));
	while (path.p != NULL)
		at = member(at, str_split(&path, '/'));
	cr_assert_not_null(at, "%.*s points nowhere", STR_ARG(ref->text));
	return at;
}

/* The value behind `names`, following references on the way; NULL if one isn't there. */
static const struct json *find(const struct json *from, const char *const *names)
{
	for (; *names != NULL && from != NULL; names++)
		from = resolve(json_get(from, *names));
	return from;
}
#define FIND(from, ...) find(from, (const char *const[]){__VA_ARGS__, NULL})

static struct str text_of(const struct json *value)
{
	return value != NULL && value->type == JSON_STRING ? value->text : STR_NONE;
}

static size_t count(const struct json *collection)
{
	size_t n = 0;
	for (const struct json *it = collection == NULL ? NULL : collection->child; it != NULL; it = it->next)
		n++;
	return n;
}

static bool contains(const struct json *array, struct str word)
{
	for (const struct json *it = array == NULL ? NULL : array->child; it != NULL; it = it->next)
		if (str_eq(text_of(it), word))
			return true;
	return false;
}

static const struct json *described(const struct op_spec *spec)
{
	const struct json *item = FIND(contract, "paths", spec->path);
	const struct json *it = item == NULL ? NULL : item->child;
	while (it != NULL && !str_eq_nocase(it->key, str_of(spec->method)))
		it = it->next;
	cr_assert_not_null(it, "%s %s is not described", spec->method, spec->path);
	return it;
}

#define EACH_OP(spec) (const struct op_spec *spec = op_specs; (spec) < op_specs + OP_COUNT; (spec)++)

/* ---- OpenAPI and op_table.h ---- */

Test(contract, every_operation_is_described_at_its_route_by_its_name)
{
	for
		EACH_OP(spec)
	cr_assert(str_eq(text_of(json_get(described(spec), "operationId")), str_of(spec->name)), "%s", spec->name);
}

Test(contract, no_other_operation_is_described)
{
	size_t n = 0;
	for (const struct json *path = json_get(contract, "paths")->child; path != NULL; path = path->next)
		for (const struct json *method = path->child; method != NULL; method = method->next, n++)
			cr_assert(str_eq(method->key, STR("get")) || str_eq(method->key, STR("post")) ||
					  str_eq(method->key, STR("patch")) || str_eq(method->key, STR("delete")),
				  "%.*s %.*s", STR_ARG(method->key), STR_ARG(path->key));
	cr_assert_eq(n, OP_COUNT, "%zu operations are described, %d exist", n, OP_COUNT);
}

/* The names of the alternatives, and the roles of the first, as a word: "bearer:admin",
 * "client_secret_basic|", "". */
static struct str security_of(const struct json *operation)
{
	struct sbuf text = sbuf_in(arena, 64);
	const struct json *alternatives = json_get(operation, "security");
	cr_assert(alternatives != NULL && alternatives->type == JSON_ARRAY);
	for (const struct json *one = alternatives->child; one != NULL; one = one->next) {
		if (one != alternatives->child)
			sbuf_putc(&text, '|');
		for (const struct json *scheme = one->child; scheme != NULL; scheme = scheme->next) {
			cr_assert_not_null(member(FIND(contract, "components", "securitySchemes"), scheme->key), "%.*s",
					   STR_ARG(scheme->key));
			sbuf_put(&text, scheme->key);
			for (const struct json *role = scheme->child; role != NULL; role = role->next)
				sbuf_printf(&text, ":%.*s", STR_ARG(role->text));
		}
	}
	return sbuf_str(&text);
}

Test(contract, who_may_call_is_the_security_requirement)
{
	static const char *const wanted[] = {
		[OP_BY_ANYONE] = "",
		[OP_BY_CLIENT] = "client_secret_basic|", /* or the form */
		[OP_BY_MEMBER] = "bearer",
		[OP_BY_ADMIN] = "bearer:admin",
		[OP_BY_PLATFORM] = "bearer:platform",
		/* or the form; a GET has none, and a certificate's client_id stands in the query */
		[OP_BY_RESOURCE_SERVER] = "bearer:admin|bearer:platform|client_secret_basic|",
		[OP_BY_KEEPER] = "bearer:admin|bearer:platform",
		[OP_BY_CODE] = "",
		[OP_BY_SESSION] = "",
		[OP_BY_OPERATOR] = "bearer:operator",
	};
	for
		EACH_OP(spec)
		{
			struct str got = security_of(described(spec));
			struct str want =
				arena_printf(arena, "%s%s%s", wanted[spec->who], op_portal_right(spec->id) != 0 ? "|portal_session" : "",
					     op_console_right(spec->id) != 0 ? "|console_session" : "");
			if (spec->who == OP_BY_SESSION)
				(void)str_split(&want, '|');
			cr_assert(str_eq(got, want), "%s: '%.*s'", spec->name, STR_ARG(got));
		}
}

Test(contract, the_version_is_the_program_s)
{
	cr_assert(str_eq(text_of(FIND(contract, "info", "version")), STR(M2M_VERSION)));
}

/* rest_encode.c sends such a text as it stands. */
Test(contract, each_text_ends_its_last_line)
{
	cr_assert_eq(openapi_yaml.p[openapi_yaml.n - 1], '\n');
	cr_assert_eq(openapi_json.p[openapi_json.n - 1], '\n');
}

/* ---- OpenAPI and err_table.h ---- */

/* The table's last rows are never sent, some are gRPC's alone. */
static bool sent_over_rest(enum err err)
{
	return err > ERR_OK && err <= ERR_INTERNAL && err != ERR_CANCELLED && err != ERR_DEADLINE_EXCEEDED && err != ERR_UNIMPLEMENTED &&
	       err != ERR_MALFORMED_MESSAGE;
}

/* Only the token routes check a grant, and there these speak OAuth. */
static bool of_a_grant(enum err err)
{
	return err == ERR_UNSUPPORTED_GRANT_TYPE || err == ERR_UNSUPPORTED_RESPONSE_TYPE || err == ERR_INVALID_CLIENT ||
	       err == ERR_INVALID_GRANT || err == ERR_INVALID_SCOPE || err == ERR_INVALID_TARGET || err == ERR_ASSERTION_REPLAYED ||
	       err == ERR_AUTH_METHOD_NOT_ALLOWED || err == ERR_BINDING_REQUIRED;
}

static const struct json *enum_of(const char *schema, const char *property)
{
	return FIND(contract, "components", "schemas", schema, "properties", property, "enum");
}

Test(contract, the_codes_of_a_problem_are_those_of_the_error_table)
{
	const struct json *codes = enum_of("Problem", "code");
	size_t n = 0;
	for (enum err err = ERR_OK; err < ERR_COUNT; err++) {
		bool wanted = sent_over_rest(err) && !of_a_grant(err);
		cr_assert_eq(contains(codes, str_of(err_info(err)->code)), wanted, "%s", err_info(err)->code);
		n += wanted;
	}
	cr_assert_eq(count(codes), n, "a word that is none of the table's, or stands twice");
}

Test(contract, the_oauth_errors_are_those_of_the_error_table)
{
	const struct json *words = enum_of("OAuthError", "error");
	for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++)
		if (sent_over_rest(err) && err_info(err)->oauth != NULL)
			cr_assert(contains(words, str_of(err_info(err)->oauth)), "%s", err_info(err)->oauth);
	for (const struct json *word = words->child; word != NULL; word = word->next) {
		bool known = false;
		for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++)
			known = known || (sent_over_rest(err) && str_eq(str_of(err_info(err)->oauth), word->text));
		cr_assert(known, "%.*s", STR_ARG(word->text));
		for (const struct json *other = word->next; other != NULL; other = other->next)
			cr_assert_not(str_eq(word->text, other->text), "%.*s stands twice", STR_ARG(word->text));
	}
}

static bool is_status(struct str text, int status)
{
	return str_eq(text, arena_printf(arena, "%d", status));
}

Test(contract, an_operation_answers_with_statuses_of_the_error_table)
{
	for
		EACH_OP(spec)
		{
			for (const struct json *it = json_get(described(spec), "responses")->child; it != NULL; it = it->next) {
				bool known = is_status(it->key, 200) || is_status(it->key, 201) || is_status(it->key, 204) ||
					     is_status(it->key, 304);
				for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++)
					known = known || (sent_over_rest(err) && is_status(it->key, err_info(err)->http));
				cr_assert(known, "%s: %.*s", spec->name, STR_ARG(it->key));
			}
		}
}

Test(contract, every_status_of_the_error_table_is_some_operation_s)
{
	for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
		bool found = !sent_over_rest(err);
		for
			EACH_OP(spec)
		for (const struct json *it = json_get(described(spec), "responses")->child; it != NULL; it = it->next)
			found = found || is_status(it->key, err_info(err)->http);
		cr_assert(found, "%s: %d", err_info(err)->code, err_info(err)->http);
	}
}

static const struct json *content_of(const struct op_spec *spec, const char *status, const char *type)
{
	return FIND(described(spec), "responses", status, "content", type);
}

Test(contract, errors_speak_the_language_of_their_operation)
{
	for
		EACH_OP(spec)
		{
			bool oauth = spec->errors != OP_ERRORS_PROBLEM;
			cr_assert_eq(content_of(spec, "400", "application/json") != NULL, oauth, "%s", spec->name);
			cr_assert_not_null(content_of(spec, "400", "application/problem+json"), "%s: malformed HTTP has no route",
					   spec->name);
			cr_assert_eq(content_of(spec, "405", "application/json") != NULL, spec->errors == OP_ERRORS_OAUTH, "%s",
				     spec->name);
			cr_assert_eq(content_of(spec, "500", "application/json") != NULL, spec->errors == OP_ERRORS_OAUTH, "%s",
				     spec->name);
			cr_assert_eq(content_of(spec, "401", "application/json") != NULL, oauth && spec->who != OP_BY_ANYONE, "%s",
				     spec->name);
		}
}

/* op_admit lets the documents pass that anyone may read. */
Test(contract, every_operation_but_the_documents_may_be_limited)
{
	for
		EACH_OP(spec)
		{
			const struct json *limited = FIND(described(spec), "responses", "429");
			bool oauth = spec->errors == OP_ERRORS_OAUTH;
			cr_assert_eq(limited != NULL, spec->who != OP_BY_ANYONE, "%s", spec->name);
			if (limited == NULL)
				continue;
			cr_assert_not_null(FIND(limited, "headers", "Retry-After"), "%s", spec->name);
			cr_assert_eq(content_of(spec, "429", "application/json") != NULL, oauth, "%s", spec->name);
			cr_assert_eq(content_of(spec, "429", "application/problem+json") != NULL, !oauth, "%s", spec->name);
		}
}

/* Every object with a code and a status is an example of a problem. */
static size_t check_problems(const struct json *value)
{
	size_t n = 0;
	struct str code = text_of(json_get(value, "code"));
	if (code.p != NULL && json_get(value, "status") != NULL) {
		enum err err = ERR_OK + 1;
		while (err < ERR_COUNT && !str_eq(code, str_of(err_info(err)->code)))
			err++;
		cr_assert_lt(err, ERR_COUNT, "%.*s", STR_ARG(code));
		cr_assert(is_status(json_get(value, "status")->text, err_info(err)->http), "%.*s", STR_ARG(code));
		n = 1;
	}
	for (const struct json *it = value->child; it != NULL; it = it->next)
		n += check_problems(it);
	return n;
}

Test(contract, each_example_of_a_problem_has_the_status_of_its_code)
{
	cr_assert_geq(check_problems(contract), 15);
}

/* ---- what generators of clients stumble over ---- */

static bool is_composed(const struct json *schema)
{
	return json_get(schema, "oneOf") != NULL || json_get(schema, "anyOf") != NULL || json_get(schema, "allOf") != NULL;
}

/* A Go generator makes the function NewX for each schema X; a default in a merge patch is sent
 * with every change. */
Test(contract, generated_clients_have_no_two_things_of_one_name_and_send_no_default)
{
	const struct json *schemas = FIND(contract, "components", "schemas");
	for (const struct json *it = schemas->child; it != NULL; it = it->next) {
		cr_assert_not(str_starts(it->key, STR("New")), "%.*s", STR_ARG(it->key));
		const struct json *properties = json_get(it, "properties");
		for (const struct json *p = properties == NULL ? NULL : properties->child; p != NULL; p = p->next) {
			bool request = str_eq(it->key, STR("ClientSpec")) || str_eq(it->key, STR("RotateRequest"));
			cr_assert(request || json_get(p, "default") == NULL, "%.*s.%.*s", STR_ARG(it->key), STR_ARG(p->key));
			cr_assert_not(is_composed(p), "%.*s.%.*s", STR_ARG(it->key), STR_ARG(p->key));
		}
	}
}

static void held_to_words(const char *schema, const char *property, const char *word)
{
	const struct json *items = FIND(contract, "components", "schemas", schema, "properties", property, "items");
	cr_assert(str_eq(text_of(FIND(items, "pattern")), STR("^[!#-\\[\\]-~]+$")), "%s.%s", schema, property);
	cr_assert_eq(items, FIND(contract, "components", "schemas", word), "%s.%s", schema, property);
}

Test(contract, a_client_s_scopes_and_audiences_have_the_alphabet_that_the_program_holds_them_to)
{
	static const char *const schemas[] = {"Client", "ClientCreated", "ClientSpec", "ClientChange"};
	for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
		held_to_words(schemas[i], "scopes", "ScopeWord");
		held_to_words(schemas[i], "audiences", "Audience");
	}
}

/* ---- m2m.proto and op_table.h ---- */

static const Method *method_named(const char *name)
{
	size_t i = 0;
	while (i < service->n_method && strcmp(service->method[i]->name, name) != 0)
		i++;
	cr_assert_lt(i, service->n_method, "%s is not declared", name);
	return service->method[i];
}

/* protobuf-c leaves an extension among the unknown fields, with the length before its bytes. */
static HttpRule *http_rule_of(const Method *method)
{
	cr_assert_not_null(method->options, "%s", method->name);
	const ProtobufCMessage *options = &method->options->base;
	for (unsigned i = 0; i < options->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
		if (field->tag != HTTP_EXTENSION)
			continue;
		size_t prefix = 1;
		while (prefix < field->len && (field->data[prefix - 1] & 0x80) != 0)
			prefix++;
		return google__api__http_rule__unpack(NULL, field->len - prefix, field->data + prefix);
	}
	return NULL;
}

struct rest_form {
	Google__Api__HttpRule__PatternCase pattern;
	const char *path, *body;
};

static struct rest_form rest_form_of(const HttpRule *rule, const char *method)
{
	if (strcmp(method, "POST") == 0)
		return (struct rest_form){GOOGLE__API__HTTP_RULE__PATTERN_POST, rule->post, "*"};
	if (strcmp(method, "PATCH") == 0)
		return (struct rest_form){GOOGLE__API__HTTP_RULE__PATTERN_PATCH, rule->patch, "*"};
	if (strcmp(method, "DELETE") == 0)
		return (struct rest_form){GOOGLE__API__HTTP_RULE__PATTERN_DELETE, rule->delete_, ""};
	return (struct rest_form){GOOGLE__API__HTTP_RULE__PATTERN_GET, rule->get, ""};
}

Test(contract, a_grpc_method_is_annotated_with_its_rest_route)
{
	for
		EACH_OP(spec)
		{
			if (spec->grpc == NULL)
				continue;
			HttpRule *rule = http_rule_of(method_named(spec->grpc));
			cr_assert_not_null(rule, "%s", spec->grpc);
			const struct rest_form form = rest_form_of(rule, spec->method);
			cr_assert_eq(rule->pattern_case, form.pattern, "%s", spec->grpc);
			cr_assert_str_eq(form.path, spec->path);
			cr_assert_str_eq(rule->body, form.body, "%s", spec->grpc);
			google__api__http_rule__free_unpacked(rule, NULL);
		}
}

Test(contract, the_service_has_no_other_method)
{
	for (size_t i = 0; i < service->n_method; i++)
		cr_assert_not_null(op_find_grpc(str_of(service->method[i]->name)), "%s", service->method[i]->name);
}

/* ---- OpenAPI and m2m.proto ---- */

static const Message *message_named(const char *type)
{
	cr_assert_eq(strncmp(type, "." PACKAGE ".", sizeof PACKAGE + 1), 0, "%s", type);
	size_t i = 0;
	while (i < proto->n_message_type && strcmp(proto->message_type[i]->name, type + sizeof PACKAGE + 1) != 0)
		i++;
	cr_assert_lt(i, proto->n_message_type, "%s is not declared", type);
	return proto->message_type[i];
}

static void same_fields(const char *type, const struct json *properties);

/* A list of strings, or of objects. */
static void repeated_field_is(const Field *field, const struct json *schema)
{
	if (strcmp(field->name, "aud") == 0) { /* a string or a list: RFC 7519 section 4.1.3 */
		cr_assert_null(json_get(schema, "type"));
		return;
	}
	cr_assert(str_eq(text_of(json_get(schema, "type")), STR("array")), "%s", field->name);
	if (field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE) {
		same_fields(field->type_name, FIND(schema, "items", "properties"));
		return;
	}
	cr_assert_eq(field->type, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING, "%s", field->name);
	cr_assert(str_eq(text_of(FIND(schema, "items", "type")), STR("string")), "%s", field->name);
}

/* RFC 8705 section 3.1's name is none that a field could have. */
static void confirmation_is(const Field *field, const struct json *schema)
{
	const Message *message = message_named(field->type_name);
	cr_assert(message->n_field == 2 && count(json_get(schema, "properties")) == 2);
	cr_assert_str_eq(message->field[0]->name, "jkt");
	cr_assert_str_eq(message->field[1]->name, "x5t_s256");
	cr_assert(FIND(schema, "properties", "jkt") != NULL && FIND(schema, "properties", "x5t#S256") != NULL);
}

static void field_is(const Field *field, const struct json *schema)
{
	if (field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
		repeated_field_is(field, schema);
		return;
	}
	if (strcmp(field->name, "detail") == 0) { /* an object of any members; its text */
		cr_assert_eq(field->type, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING);
		cr_assert(str_eq(text_of(json_get(schema, "type")), STR("object")));
		return;
	}
	struct str type = STR_NONE;
	struct str format = STR_NONE;
	switch (field->type) {
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
		type = STR("string");
		break;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32:
		type = STR("integer");
		format = STR("int32");
		break;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64:
		type = STR("integer");
		format = STR("int64");
		break;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
		type = STR("boolean");
		break;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE:
		if (strcmp(field->name, "cnf") == 0) {
			confirmation_is(field, schema);
			return;
		}
		if (strcmp(field->type_name, ".google.protobuf.Timestamp") != 0) {
			same_fields(field->type_name, json_get(schema, "properties"));
			return;
		}
		type = STR("string");
		format = STR("date-time");
		break;
	default:
		cr_assert_fail("%s: a type that the JSON bodies don't have", field->name);
	}
	/* what is null in JSON is empty in proto3, and a UUID is a string there */
	const struct json *types = json_get(schema, "type");
	bool nullable = types != NULL && types->type == JSON_ARRAY && count(types) == 2 && contains(types, STR("null"));
	cr_assert(nullable ? contains(types, type) : str_eq(text_of(types), type), "%s", field->name);
	struct str json_format = text_of(json_get(schema, "format"));
	cr_assert(str_eq(json_format, format) || (str_eq(type, STR("string")) && str_eq(json_format, STR("uuid"))), "%s", field->name);
}

/* What stands in the path is no member of the JSON object (google.api.http). */
static bool stands_in(const char *path, const char *name)
{
	struct str segment = arena_printf(arena, "{%s}", name);
	return path != NULL && memmem(path, strlen(path), segment.p, segment.n) != NULL;
}

static void same_fields_but_path(const char *type, const struct json *properties, const char *path)
{
	const Message *message = message_named(type);
	size_t n = 0;
	for (size_t i = 0; i < message->n_field; i++) {
		if (stands_in(path, message->field[i]->name))
			continue;
		const struct json *property = json_get(properties, message->field[i]->name);
		cr_assert_not_null(property, "%s: %s", type, message->field[i]->name);
		field_is(message->field[i], resolve(property));
		n++;
	}
	cr_assert_eq(count(properties), n, "%s has %zu fields, the JSON object %zu", type, n, count(properties));
}

static void same_fields(const char *type, const struct json *properties)
{
	same_fields_but_path(type, properties, NULL);
}

Test(contract, a_response_message_has_the_members_of_the_json_object)
{
	for
		EACH_OP(spec)
		{
			if (spec->grpc == NULL)
				continue;
			if (FIND(described(spec), "responses", "204") != NULL) {
				cr_assert_eq(message_named(method_named(spec->grpc)->output_type)->n_field, 0, "%s", spec->name);
				continue;
			}
			const char *status = FIND(described(spec), "responses", "201") != NULL ? "201" : "200";
			const struct json *schema = resolve(FIND(content_of(spec, status, "application/json"), "schema"));
			const struct json *properties = json_get(schema, "properties");
			same_fields(method_named(spec->grpc)->output_type, properties);
			if (spec->id == OP_INTROSPECT_TOKEN) {
				cr_assert_eq(count(json_get(schema, "required")), 1, "of a token that isn't active nothing is told");
				continue;
			}
			for (const struct json *it = properties->child; it != NULL; it = it->next)
				cr_assert(contains(json_get(schema, "required"), it->key), "%s: %.*s is always there", spec->name,
					  STR_ARG(it->key));
			cr_assert_eq(count(json_get(schema, "required")), count(properties), "%s", spec->name);
		}
}

static const struct json *query_parameter(const struct json *parameters, const char *name)
{
	for (const struct json *it = parameters == NULL ? NULL : parameters->child; it != NULL; it = it->next) {
		const struct json *parameter = resolve(it);
		if (str_eq(text_of(json_get(parameter, "in")), STR("query")) &&
		    (name == NULL || str_eq(text_of(json_get(parameter, "name")), str_of(name))))
			return parameter;
	}
	return NULL;
}

static size_t count_query_parameters(const struct json *parameters)
{
	size_t n = 0;
	for (const struct json *it = parameters == NULL ? NULL : parameters->child; it != NULL; it = it->next)
		n += str_eq(text_of(json_get(resolve(it), "in")), STR("query"));
	return n;
}

/* google.api.http: without a body, the fields are the query's parameters. */
static void same_members(const struct op_spec *spec, const Message *message)
{
	const struct json *parameters = json_get(described(spec), "parameters");
	if (strcmp(spec->method, "GET") != 0 && strcmp(spec->method, "DELETE") != 0) {
		const struct json *json = FIND(described(spec), "requestBody", "content", "application/json", "schema", "properties");
		const struct json *form =
			FIND(described(spec), "requestBody", "content", "application/x-www-form-urlencoded", "schema", "properties");
		same_fields_but_path(method_named(spec->grpc)->input_type, json != NULL ? json : form, spec->path);
		return;
	}
	size_t n = 0;
	for (size_t i = 0; i < message->n_field; i++) {
		if (stands_in(spec->path, message->field[i]->name))
			continue;
		n++;
		const struct json *parameter = query_parameter(parameters, message->field[i]->name);
		cr_assert_not_null(parameter, "%s: %s", spec->name, message->field[i]->name);
		field_is(message->field[i], resolve(json_get(parameter, "schema")));
	}
	cr_assert_eq(count_query_parameters(parameters), n, "%s", spec->name);
}

Test(contract, a_request_message_has_the_members_of_the_json_body_or_of_the_query)
{
	for
		EACH_OP(spec)
		{
			if (spec->grpc != NULL)
				same_members(spec, message_named(method_named(spec->grpc)->input_type));
		}
}
