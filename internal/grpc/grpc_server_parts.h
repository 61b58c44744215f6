/* What connections and calls need of their server. Private to grpc/. */
#ifndef M2M_GRPC_GRPC_SERVER_PARTS_H
#define M2M_GRPC_GRPC_SERVER_PARTS_H

#include "grpc/grpc_call.h"
#include "grpc/grpc_server.h"

struct op_env *grpc_server_env(struct grpc_server *s);
struct event_base *grpc_server_base(struct grpc_server *s);
struct tls *grpc_server_tls(struct grpc_server *s);

/* One of the server's own methods; NULL if there is none at this path. */
const struct grpc_method *grpc_server_method(struct str path);

/* As many calls are open as the worker takes. */
bool grpc_server_full(const struct grpc_server *s);
void grpc_server_call_opened(struct grpc_server *s);
void grpc_server_call_gone(struct grpc_server *s);
void grpc_server_conn_opened(struct grpc_server *s);
void grpc_server_conn_gone(struct grpc_server *s);

#endif
