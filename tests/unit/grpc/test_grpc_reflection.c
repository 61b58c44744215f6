/* Each question of server reflection, over the descriptors that the program really has. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/descriptors.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "unit/grpc/fake_call.h"

enum { NOT_FOUND = 5, UNIMPLEMENTED = 12, INTERNAL = 13 };

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;
#define KIND(kind)   GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##kind
#define ANSWER(kind) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##kind

static struct grpc_call *call;
static Response *response; /* to the latest question */

static struct grpc_call *open_call(const char *version)
{
	char path[80];
	snprintf(path, sizeof path, "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo", version);
	return fake_call_open(grpc_reflection_methods, grpc_reflection_methods_n, path);
}

static void forget(void)
{
	grpc__reflection__v1__server_reflection_response__free_unpacked(response, NULL);
	response = NULL;
}

static void up(void)
{
	fake_up();
	call = open_call("v1");
}

static void down(void)
{
	forget();
	fake_down();
}

TestSuite(grpc_reflection, .init = up, .fini = down);

static void read_reply(void)
{
	forget();
	cr_assert_eq(call->sent_n, 1);
	response = grpc__reflection__v1__server_reflection_response__unpack(NULL, call->sent[0].n, (const uint8_t *)call->sent[0].p);
	cr_assert_not_null(response);
	cr_assert_not(call->ended);
	call->sent_n = 0;
}

static void ask_for(Request *request)
{
	static uint8_t packed[16 * 1024];
	cr_assert_leq(grpc__reflection__v1__server_reflection_request__get_packed_size(request), sizeof packed);
	size_t n = grpc__reflection__v1__server_reflection_request__pack(request, packed);
	fake_call_message(call, str_from(packed, n));
	read_reply();
}

static void ask(int kind, const char *value)
{
	Request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	request.message_request_case = kind;
	request.list_services = (char *)value; /* all but the extension share this place */
	ask_for(&request);
}

static void ask_extension(const char *type, int32_t number)
{
	Request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
	extension.containing_type = (char *)type;
	extension.extension_number = number;
	request.message_request_case = KIND(FILE_CONTAINING_EXTENSION);
	request.file_containing_extension = &extension;
	ask_for(&request);
}

static void is_error(int code)
{
	cr_assert_eq(response->message_response_case, ANSWER(ERROR_RESPONSE));
	cr_assert_eq(response->error_response->error_code, code);
	cr_assert_gt(strlen(response->error_response->error_message), 0);
}

static bool file_is(size_t i, const char *want)
{
	const ProtobufCBinaryData *bytes = &response->file_descriptor_response->file_descriptor_proto[i];
	Google__Protobuf__FileDescriptorProto *file = google__protobuf__file_descriptor_proto__unpack(NULL, bytes->len, bytes->data);
	cr_assert_not_null(file);
	bool is = strcmp(file->name, want) == 0;
	google__protobuf__file_descriptor_proto__free_unpacked(file, NULL);
	return is;
}

/* The reply's first file is `first`, and each name, up to a NULL, is among the others, which are
 * no more. */
static void files_are(const char *first, const char *const *others)
{
	cr_assert_eq(response->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE), "no files; wanted %s", first);
	size_t n = response->file_descriptor_response->n_file_descriptor_proto, wanted = 0;
	cr_assert(n > 0 && file_is(0, first), "the first is not %s", first);
	for (; others != NULL && others[wanted] != NULL; wanted++) {
		unsigned found = 0;
		for (size_t i = 1; i < n; i++)
			found += file_is(i, others[wanted]);
		cr_assert_eq(found, 1, "%s is there %u times", others[wanted], found);
	}
	cr_assert_eq(n, wanted + 1);
}

static const char *const imports_of_m2m[] = {"google/api/annotations.proto", "google/api/http.proto", "google/protobuf/descriptor.proto",
					     "google/protobuf/timestamp.proto", NULL};
static const char *const imports_of_annotations[] = {"google/api/http.proto", "google/protobuf/descriptor.proto", NULL};

Test(grpc_reflection, a_file_by_its_name_comes_with_all_that_it_imports)
{
	ask(KIND(FILE_BY_FILENAME), "m2m/v1/m2m.proto");
	files_are("m2m/v1/m2m.proto", imports_of_m2m);
	ask(KIND(FILE_BY_FILENAME), "google/api/annotations.proto");
	files_are("google/api/annotations.proto", imports_of_annotations);
	ask(KIND(FILE_BY_FILENAME), "google/protobuf/descriptor.proto");
	files_are("google/protobuf/descriptor.proto", NULL);
	ask(KIND(FILE_BY_FILENAME), "grpc/reflection/v1alpha/reflection.proto");
	files_are("grpc/reflection/v1alpha/reflection.proto", NULL);
}

Test(grpc_reflection, files_are_sent_byte_for_byte)
{
	ask(KIND(FILE_BY_FILENAME), "m2m/v1/m2m.proto");
	for (size_t i = 0; i < response->file_descriptor_response->n_file_descriptor_proto; i++) {
		const ProtobufCBinaryData *bytes = &response->file_descriptor_response->file_descriptor_proto[i];
		cr_assert_not_null(memmem(descriptors, descriptors_n, bytes->data, bytes->len));
	}
	const ProtobufCBinaryData *m2m = &response->file_descriptor_response->file_descriptor_proto[0];
	cr_assert_not_null(memmem(m2m->data, m2m->len, "/m2m/client-id", 14), "the HTTP annotations are lost");
}

Test(grpc_reflection, a_file_that_is_not_there)
{
	static const char *const names[] = {"", "m2m.proto", "/m2m/v1/m2m.proto", "m2m/v1/m2m.proto ", "../m2m/v1/m2m.proto"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		ask(KIND(FILE_BY_FILENAME), names[i]);
		is_error(NOT_FOUND);
	}
}

Test(grpc_reflection, a_symbol_of_any_kind_finds_its_file)
{
	static const struct {
		const char *symbol, *file;
	} cases[] = {
		{"m2m.v1.M2MClients", "m2m/v1/m2m.proto"},
		{"m2m.v1.M2MClients.RotateClientSecret", "m2m/v1/m2m.proto"},
		{"m2m.v1.IssueTokenRequest", "m2m/v1/m2m.proto"},
		{"m2m.v1.IssueTokenRequest.client_secret", "m2m/v1/m2m.proto"},
		{"google.protobuf.Timestamp", "google/protobuf/timestamp.proto"},
		{"google.protobuf.DescriptorProto.ExtensionRange", "google/protobuf/descriptor.proto"},
		{"google.protobuf.DescriptorProto.ExtensionRange.start", "google/protobuf/descriptor.proto"},
		{"google.protobuf.FieldDescriptorProto.Type", "google/protobuf/descriptor.proto"},
		{"google.protobuf.FieldDescriptorProto.TYPE_DOUBLE", "google/protobuf/descriptor.proto"},
		{"google.api.HttpRule.pattern", "google/api/http.proto"},
		{"google.api.http", "google/api/annotations.proto"},
		{"grpc.health.v1.Health.Watch", "grpc/health/v1/health.proto"},
		{"grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"},
		{"grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto"},
		{"grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo", "grpc/reflection/v1alpha/reflection.proto"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ask(KIND(FILE_CONTAINING_SYMBOL), cases[i].symbol);
		cr_assert_eq(response->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE), "%s", cases[i].symbol);
		cr_assert(file_is(0, cases[i].file), "%s", cases[i].symbol);
	}
	ask(KIND(FILE_CONTAINING_SYMBOL), "m2m.v1.M2MClients");
	files_are("m2m/v1/m2m.proto", imports_of_m2m);
}

Test(grpc_reflection, a_symbol_that_is_not_there)
{
	static const char *const names[] = {"",
					    "m2m.v1",
					    "M2MClients",
					    ".m2m.v1.M2MClients",
					    "m2m.v1.M2MClients.",
					    "m2m.v1.m2mclients",
					    "m2m.v1.M2MClients.DeleteClient",
					    "grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		ask(KIND(FILE_CONTAINING_SYMBOL), names[i]);
		is_error(NOT_FOUND);
	}
}

Test(grpc_reflection, an_extension_finds_the_file_that_defines_it)
{
	ask_extension("google.protobuf.MethodOptions", 72295728);
	files_are("google/api/annotations.proto", imports_of_annotations);
}

Test(grpc_reflection, an_extension_that_is_not_there)
{
	ask_extension("google.protobuf.MethodOptions", 1);
	is_error(NOT_FOUND);
	ask_extension("google.protobuf.FieldOptions", 72295728);
	is_error(NOT_FOUND);
	ask_extension(".google.protobuf.MethodOptions", 72295728);
	is_error(NOT_FOUND);
	ask_extension("", 0);
	is_error(NOT_FOUND);
}

Test(grpc_reflection, the_extension_numbers_of_a_message)
{
	ask(KIND(ALL_EXTENSION_NUMBERS_OF_TYPE), "google.protobuf.MethodOptions");
	cr_assert_eq(response->message_response_case, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
	cr_assert_str_eq(response->all_extension_numbers_response->base_type_name, "google.protobuf.MethodOptions");
	cr_assert_eq(response->all_extension_numbers_response->n_extension_number, 1);
	cr_assert_eq(response->all_extension_numbers_response->extension_number[0], 72295728);
}

Test(grpc_reflection, a_message_without_extensions_has_no_numbers)
{
	ask(KIND(ALL_EXTENSION_NUMBERS_OF_TYPE), "m2m.v1.IssueTokenRequest");
	cr_assert_eq(response->message_response_case, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
	cr_assert_str_eq(response->all_extension_numbers_response->base_type_name, "m2m.v1.IssueTokenRequest");
	cr_assert_eq(response->all_extension_numbers_response->n_extension_number, 0);
}

Test(grpc_reflection, only_messages_have_extension_numbers)
{
	ask(KIND(ALL_EXTENSION_NUMBERS_OF_TYPE), "m2m.v1.NoSuchMessage");
	is_error(NOT_FOUND);
	ask(KIND(ALL_EXTENSION_NUMBERS_OF_TYPE), "m2m.v1.M2MClients");
	is_error(NOT_FOUND);
}

Test(grpc_reflection, the_services_sorted_by_name)
{
	static const char *const want[] = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
					   "grpc.reflection.v1alpha.ServerReflection", "m2m.v1.M2MClients"};
	static const char *const content[] = {"", "*", "whatever"}; /* is not looked at */
	for (int i = 0; i < 3; i++) {
		ask(KIND(LIST_SERVICES), content[i]);
		cr_assert_eq(response->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
		cr_assert_eq(response->list_services_response->n_service, 4);
		for (int j = 0; j < 4; j++)
			cr_assert_str_eq(response->list_services_response->service[j]->name, want[j]);
	}
}

Test(grpc_reflection, both_versions_of_the_service_answer)
{
	call = open_call("v1alpha");
	ask(KIND(LIST_SERVICES), "");
	cr_assert_eq(response->list_services_response->n_service, 4);
}

Test(grpc_reflection, a_reply_says_what_was_asked)
{
	Request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	request.host = (char *)"gateway.example:9090";
	request.message_request_case = KIND(FILE_CONTAINING_SYMBOL);
	request.file_containing_symbol = (char *)"no.such.Symbol";
	ask_for(&request);
	is_error(NOT_FOUND);
	cr_assert_str_eq(response->valid_host, "gateway.example:9090");
	cr_assert_str_eq(response->original_request->host, "gateway.example:9090");
	cr_assert_eq(response->original_request->message_request_case, KIND(FILE_CONTAINING_SYMBOL));
	cr_assert_str_eq(response->original_request->file_containing_symbol, "no.such.Symbol");
}

Test(grpc_reflection, the_longest_request_and_the_most_files_fit_into_a_reply)
{
	static char host[16 * 1024 - 32];
	memset(host, 'h', sizeof host - 1);
	Request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	request.host = host;
	request.message_request_case = KIND(FILE_BY_FILENAME);
	request.file_by_filename = (char *)"m2m/v1/m2m.proto";
	ask_for(&request);
	files_are("m2m/v1/m2m.proto", imports_of_m2m);
	cr_assert_str_eq(response->valid_host, host);
	cr_assert_str_eq(response->original_request->host, host);
}

Test(grpc_reflection, a_request_of_no_kind_that_is_known_is_unimplemented)
{
	fake_call_message(call, STR(""));
	read_reply();
	is_error(UNIMPLEMENTED);
	fake_call_message(call, STR("\x42\x01x")); /* field 8 */
	read_reply();
	is_error(UNIMPLEMENTED);
	ask(KIND(LIST_SERVICES), "");
	cr_assert_eq(response->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
}

Test(grpc_reflection, a_message_that_is_no_request_ends_the_call)
{
	static const struct str messages[] = {
		STR("\x1a\x05"
		    "abc"),                                      /* shorter than it says */
		STR("\x22\x01\xff"),                             /* not UTF-8 */
		STR("\x22\x13m2m.v1.M2MClients\0x"),             /* a NUL behind a good name */
		STR("\x2a\x03\x0a\x01\xff"),                     /* not UTF-8, one level down */
		STR("\x18\x01"),                                 /* the wrong type */
		STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), /* no tag */
	};
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		struct grpc_call *bad = open_call("v1");
		fake_call_message(bad, messages[i]);
		cr_assert_eq(bad->status, INTERNAL, "%zu", i);
		cr_assert_eq(bad->sent_n, 0);
	}
}

Test(grpc_reflection, a_call_that_takes_no_reply_is_left_alone)
{
	call->full = true;
	fake_call_message(call, STR("\x3a\x00"));
	cr_assert_eq(call->sent_n, 0);
	cr_assert(call->gone);
}

Test(grpc_reflection, the_arena_that_the_header_asks_for_is_enough_and_less_is_no_memory)
{
	for (size_t size = 0; size < GRPC_REFLECTION_MEMORY; size += 4093) {
		struct arena *a = arena_new(size);
		struct grpc_reflection *r = grpc_reflection_new(a);
		cr_assert(r == NULL || !arena_overflowed(a), "%zu bytes", size);
		arena_free(a);
	}
	struct arena *a = arena_new(GRPC_REFLECTION_MEMORY);
	cr_assert_not_null(grpc_reflection_new(a));
	cr_log_info("%zu bytes", arena_used(a));
	cr_assert_lt(arena_used(a), GRPC_REFLECTION_MEMORY * 3 / 4, "%zu bytes", arena_used(a));
	arena_free(a);
}
