/* Everything that can be asked for is laid out once, ready to be packed; a request is one look
 * into it.
 *
 *   descriptors.h -> files, each with all that it imports -> symbols, sorted by their full names
 *   request -> a file, a symbol's file, an extension's file, the extensions of a message, or the
 *   services -> reply, with the request in it; what isn't there is an error inside of a reply,
 *   and the stream goes on
 *
 * A file is sent as the very bytes that the descriptor set holds, since protobuf-c knows nothing
 * of extensions, and so of the options that are extensions. */
#include "grpc/grpc_reflection.h"

#include <assert.h>
#include <stdlib.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/descriptors.h"
#include "grpc/grpc_server.h"
#include "grpc/pb_check.h"
#include "grpc/pb_memory.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__EnumDescriptorProto Enum;
typedef Google__Protobuf__FieldDescriptorProto Field;
typedef Google__Protobuf__FileDescriptorProto File;
typedef Google__Protobuf__FileDescriptorSet FileSet;
typedef Google__Protobuf__ServiceDescriptorProto Service;
typedef Grpc__Reflection__V1__ErrorResponse ErrorResponse;
typedef Grpc__Reflection__V1__ExtensionNumberResponse NumberResponse;
typedef Grpc__Reflection__V1__FileDescriptorResponse FileResponse;
typedef Grpc__Reflection__V1__ListServiceResponse ServiceResponse;
typedef Grpc__Reflection__V1__ServiceResponse ServiceName;
typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

enum { NOT_FOUND = 5, UNIMPLEMENTED = 12 }; /* google.rpc.Code */

/* A request, at most GRPC_MESSAGE_MAX; the files; the reply, with the files and the request. */
#define REPLY_MEMORY (128 * 1024)

struct file {
	const char *name;
	FileResponse response; /* the file itself, then what it imports, directly or not */
};

enum kind { MESSAGE, SERVICE, EXTENSION, OTHER };

struct symbol {
	struct symbol *next;
	const char *name; /* fully qualified, without a leading dot */
	enum kind kind;
	struct file *file;
	const char *extends; /* EXTENSION: the full name of the message, and its number there */
	int32_t number;
};

struct grpc_reflection {
	struct file *files;
	size_t files_n;
	struct symbol **symbols; /* by name */
	size_t symbols_n;
	size_t extensions_n; /* how many of the symbols are EXTENSION */
	ServiceResponse services;
};

/* ---- the symbols of a file; memory that is out shows in the arena ---- */

struct gatherer {
	struct arena *arena;
	struct file *file;
	struct symbol *symbols;
	size_t n;
};

/* Returns the full name. */
static const char *add(struct gatherer *g, const char *scope, const char *name, struct symbol symbol)
{
	struct symbol *s = arena_alloc(g->arena, sizeof *s);
	struct str full = *scope == '\0' ? arena_copy(g->arena, str_of(name)) : arena_printf(g->arena, "%s.%s", scope, name);
	if (s == NULL || full.p == NULL)
		return "";

	*s = symbol;
	s->name = full.p;
	s->file = g->file;
	s->next = g->symbols;
	g->symbols = s;
	g->n++;
	return full.p;
}

static void add_extension(struct gatherer *g, const char *scope, const Field *f)
{
	/* the compiler has resolved the name, and says so with a leading dot */
	struct str extends = arena_copy(g->arena, str_of(f->extendee + (f->extendee[0] == '.')));
	add(g, scope, f->name, (struct symbol){.kind = EXTENSION, .extends = extends.p, .number = f->number});
}

static void add_enum(struct gatherer *g, const char *scope, const Enum *e)
{
	add(g, scope, e->name, (struct symbol){.kind = OTHER});
	for (size_t i = 0; i < e->n_value; i++) /* a value's scope is that of its enum, as in C++ */
		add(g, scope, e->value[i]->name, (struct symbol){.kind = OTHER});
}

static void add_message(struct gatherer *g, const char *scope, const Message *m)
{
	const char *name = add(g, scope, m->name, (struct symbol){.kind = MESSAGE});
	for (size_t i = 0; i < m->n_field; i++)
		add(g, name, m->field[i]->name, (struct symbol){.kind = OTHER});
	for (size_t i = 0; i < m->n_oneof_decl; i++)
		add(g, name, m->oneof_decl[i]->name, (struct symbol){.kind = OTHER});
	for (size_t i = 0; i < m->n_extension; i++)
		add_extension(g, name, m->extension[i]);
	for (size_t i = 0; i < m->n_enum_type; i++)
		add_enum(g, name, m->enum_type[i]);
	for (size_t i = 0; i < m->n_nested_type; i++)
		add_message(g, name, m->nested_type[i]);
}

static void add_service(struct gatherer *g, const char *scope, const Service *s)
{
	const char *name = add(g, scope, s->name, (struct symbol){.kind = SERVICE});
	for (size_t i = 0; i < s->n_method; i++)
		add(g, name, s->method[i]->name, (struct symbol){.kind = OTHER});
}

static void add_file(struct gatherer *g, const File *f)
{
	const char *scope = f->package == NULL ? "" : f->package;
	for (size_t i = 0; i < f->n_message_type; i++)
		add_message(g, scope, f->message_type[i]);
	for (size_t i = 0; i < f->n_enum_type; i++)
		add_enum(g, scope, f->enum_type[i]);
	for (size_t i = 0; i < f->n_service; i++)
		add_service(g, scope, f->service[i]);
	for (size_t i = 0; i < f->n_extension; i++)
		add_extension(g, scope, f->extension[i]);
}

/* ---- looking up ---- */

static struct file *find_file(const struct grpc_reflection *r, const char *name)
{
	for (size_t i = 0; i < r->files_n; i++)
		if (strcmp(r->files[i].name, name) == 0)
			return &r->files[i];
	return NULL;
}

static int compare_symbols(const void *a, const void *b)
{
	return strcmp((*(struct symbol *const *)a)->name, (*(struct symbol *const *)b)->name);
}

static const struct symbol *find_symbol(const struct grpc_reflection *r, const char *name)
{
	const struct symbol wanted = {.name = name}, *key = &wanted;
	struct symbol **found = bsearch(&key, r->symbols, r->symbols_n, sizeof *r->symbols, compare_symbols);
	return found == NULL ? NULL : *found;
}

static const struct symbol *find_extension(const struct grpc_reflection *r, const char *extends, int32_t number)
{
	for (size_t i = 0; i < r->symbols_n; i++) {
		const struct symbol *s = r->symbols[i];
		if (s->kind == EXTENSION && s->number == number && strcmp(s->extends, extends) == 0)
			return s;
	}
	return NULL;
}

/* ---- laying out ---- */

/* protoc writes a file after all that it imports, so one walk towards the front finds them. */
static void put_imports(struct grpc_reflection *r, const FileSet *set, const FileResponse *bytes, size_t i)
{
	FileResponse *to = &r->files[i].response;
	uint64_t needed = UINT64_C(1) << i;
	for (size_t j = i + 1; j-- > 0;) {
		if ((needed >> j & 1) == 0)
			continue;
		to->file_descriptor_proto[to->n_file_descriptor_proto++] = bytes->file_descriptor_proto[j];
		for (size_t k = 0; k < set->file[j]->n_dependency; k++) {
			const struct file *import = find_file(r, set->file[j]->dependency[k]);
			assert(import != NULL && import < &r->files[j]);
			needed |= UINT64_C(1) << (import - r->files);
		}
	}
}

static bool lay_out_files(struct grpc_reflection *r, struct arena *a, const FileSet *set, const FileResponse *bytes)
{
	assert(set->n_file == bytes->n_file_descriptor_proto && set->n_file <= 64);
	r->files = arena_alloc(a, set->n_file * sizeof *r->files);
	if (r->files == NULL)
		return false;

	r->files_n = set->n_file;
	for (size_t i = 0; i < r->files_n; i++) {
		r->files[i].name = arena_copy(a, str_of(set->file[i]->name)).p;
		r->files[i].response = (FileResponse)GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
		r->files[i].response.file_descriptor_proto = arena_alloc(a, (i + 1) * sizeof(ProtobufCBinaryData));
	}
	if (arena_overflowed(a))
		return false;
	for (size_t i = 0; i < r->files_n; i++)
		put_imports(r, set, bytes, i);
	return true;
}

static bool lay_out_symbols(struct grpc_reflection *r, struct arena *a, const FileSet *set)
{
	struct gatherer g = {.arena = a};
	for (size_t i = 0; i < r->files_n; i++) {
		g.file = &r->files[i];
		add_file(&g, set->file[i]);
	}
	r->symbols = arena_alloc(a, g.n * sizeof(struct symbol *));
	if (r->symbols == NULL) /* also when one of the symbols didn't fit */
		return false;

	for (struct symbol *s = g.symbols; s != NULL; s = s->next) {
		r->symbols[r->symbols_n++] = s;
		r->extensions_n += s->kind == EXTENSION;
	}
	qsort(r->symbols, r->symbols_n, sizeof(struct symbol *), compare_symbols);
	return true;
}

static bool lay_out_services(struct grpc_reflection *r, struct arena *a)
{
	size_t n = 0;
	for (size_t i = 0; i < r->symbols_n; i++)
		n += r->symbols[i]->kind == SERVICE;
	r->services = (ServiceResponse)GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	r->services.service = arena_alloc(a, n * sizeof(ServiceName *));
	ServiceName *names = arena_alloc(a, n * sizeof *names);
	if (names == NULL)
		return false;

	for (size_t i = 0; i < r->symbols_n; i++) {
		if (r->symbols[i]->kind != SERVICE)
			continue;
		ServiceName *name = &names[r->services.n_service];
		*name = (ServiceName)GRPC__REFLECTION__V1__SERVICE_RESPONSE__INIT;
		name->name = (char *)r->symbols[i]->name;
		r->services.service[r->services.n_service++] = name;
	}
	return true;
}

struct grpc_reflection *grpc_reflection_new(struct arena *a)
{
	ProtobufCAllocator memory = pb_memory(a);
	struct grpc_reflection *r = arena_alloc(a, sizeof *r);
	/* On the wire a FileDescriptorSet is the same as a FileDescriptorResponse, so that
	 * reading it as one gives each file's bytes. */
	FileResponse *bytes = grpc__reflection__v1__file_descriptor_response__unpack(&memory, descriptors_n, descriptors);
	FileSet *set = google__protobuf__file_descriptor_set__unpack(NULL, descriptors_n, descriptors);
	bool ok = r != NULL && bytes != NULL && set != NULL && lay_out_files(r, a, set, bytes) && lay_out_symbols(r, a, set) &&
		  lay_out_services(r, a);
	google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
	return ok ? r : NULL;
}

/* ---- answering ---- */

struct reply {
	Response response;
	ErrorResponse error;
	NumberResponse numbers;
};

static void answer_error(struct reply *p, int code, const char *why)
{
	p->error = (ErrorResponse)GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
	p->error.error_code = code;
	p->error.error_message = (char *)why;
	p->response.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
	p->response.error_response = &p->error;
}

static void answer_file(struct reply *p, struct file *file)
{
	if (file == NULL) {
		answer_error(p, NOT_FOUND, "There is no such file.");
		return;
	}
	p->response.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	p->response.file_descriptor_response = &file->response;
}

static void answer_file_of(struct reply *p, const struct symbol *symbol)
{
	if (symbol == NULL)
		answer_error(p, NOT_FOUND, "There is no such symbol.");
	else
		answer_file(p, symbol->file);
}

static void answer_numbers(struct reply *p, const struct grpc_reflection *r, const char *type, struct arena *a)
{
	const struct symbol *message = find_symbol(r, type);
	if (message == NULL || message->kind != MESSAGE) {
		answer_error(p, NOT_FOUND, "There is no such message type.");
		return;
	}
	p->numbers = (NumberResponse)GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
	p->numbers.base_type_name = (char *)message->name;
	p->numbers.extension_number = arena_alloc(a, r->extensions_n * sizeof(int32_t));
	if (p->numbers.extension_number == NULL)
		return; /* which packing the reply finds as well */

	for (size_t i = 0; i < r->symbols_n; i++) {
		const struct symbol *s = r->symbols[i];
		if (s->kind == EXTENSION && strcmp(s->extends, message->name) == 0)
			p->numbers.extension_number[p->numbers.n_extension_number++] = s->number;
	}
	p->response.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
	p->response.all_extension_numbers_response = &p->numbers;
}

static void answer(struct reply *p, struct grpc_reflection *r, Request *request, struct arena *a)
{
	p->response = (Response)GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	p->response.valid_host = request->host;
	p->response.original_request = request;
	switch (request->message_request_case) {
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
		answer_file(p, find_file(r, request->file_by_filename));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
		answer_file_of(p, find_symbol(r, request->file_containing_symbol));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
		answer_file_of(p, find_extension(r, request->file_containing_extension->containing_type,
						 request->file_containing_extension->extension_number));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
		answer_numbers(p, r, request->all_extension_numbers_of_type, a);
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
		p->response.message_response_case =
			GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
		p->response.list_services_response = &r->services;
		break;
	default: /* none, or one of a later version */
		answer_error(p, UNIMPLEMENTED, "This server doesn't know what is asked for.");
		break;
	}
}

/* The reply to one message, in the arena; ERR_MALFORMED_MESSAGE if it is no request. */
static enum err reply_to(struct grpc_reflection *r, struct str message, struct arena *a, struct str *ret)
{
	ProtobufCAllocator memory = pb_memory(a);
	Request *request = NULL;
	if (pb_check(&grpc__reflection__v1__server_reflection_request__descriptor, message) == ERR_OK)
		request = grpc__reflection__v1__server_reflection_request__unpack(&memory, message.n, (const uint8_t *)message.p);
	if (request == NULL)
		return arena_overflowed(a) ? ERR_NO_MEMORY : ERR_MALFORMED_MESSAGE;

	struct reply reply;
	answer(&reply, r, request, a);
	size_t n = grpc__reflection__v1__server_reflection_response__get_packed_size(&reply.response);
	uint8_t *packed = arena_alloc(a, n);
	if (packed == NULL)
		return ERR_NO_MEMORY;
	grpc__reflection__v1__server_reflection_response__pack(&reply.response, packed);
	*ret = str_from(packed, n);
	return ERR_OK;
}

static void on_request(struct grpc_call *call, struct str message)
{
	struct arena *a = arena_new(REPLY_MEMORY);
	struct str reply = STR_NONE;
	enum err err = a == NULL ? ERR_NO_MEMORY : reply_to(grpc_server_reflection(grpc_call_server(call)), message, a, &reply);
	if (err == ERR_OK)
		grpc_call_send(call, reply);
	else
		grpc_call_end(call, err_info(err)->grpc, str_of(err_info(err)->text));
	arena_free(a);
}

const struct grpc_method grpc_reflection_methods[] = {
	{.path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", .own_stream = true, .many = true, .on_message = on_request},
	{.path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	 .own_stream = true,
	 .many = true,
	 .on_message = on_request},
};
const size_t grpc_reflection_methods_n = sizeof grpc_reflection_methods / sizeof grpc_reflection_methods[0];
