/* Bytes over TLS, however they come, and the buffers that OpenSSL takes for them. */
#include <criterion/criterion.h>

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
#define EACH_VERSION(v) for (const int *v = versions; v < versions + 2; v++)

static struct peer one;
static char bytes[PEER_BUFFER];

TestSuite(tls_stream, .init = peer_listen);

Test(tls_stream, requests_and_answers_go_through)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		for (int i = 0; i < 3; i++)
			cr_assert(peer_exchange(&one, "POST /oauth2/token", "HTTP/1.1 200 OK"));
		cr_assert_not(tls_stream_holds(&one.stream));
		cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
		peer_close(&one);
	}
}

Test(tls_stream, a_record_may_come_byte_by_byte)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		for (int i = 0; i < 2; i++) {
			peer_say(&one, "POST /oauth2/token");
			while (peer_send(&one, 1) > 0)
				cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
			cr_assert_eq(peer_read(&one, bytes), 18);
			cr_assert_arr_eq(bytes, "POST /oauth2/token", 18);
		}
		peer_close(&one);
	}
}

Test(tls_stream, records_may_come_together_and_one_in_part)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		peer_say(&one, "first");
		peer_say(&one, "second");
		size_t two = (size_t)BIO_pending(one.out);
		peer_say(&one, "third");
		peer_send(&one, two + 3);
		cr_assert_eq(peer_read(&one, bytes), 5);
		cr_assert(tls_stream_holds(&one.stream));
		cr_assert_eq(peer_read(&one, bytes), 6);
		cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
		peer_send(&one, PEER_BUFFER);
		cr_assert_eq(peer_read(&one, bytes), 5);
		cr_assert_arr_eq(bytes, "third", 5);
		peer_close(&one);
	}
}

Test(tls_stream, one_that_was_cut_off_in_a_record_is_at_its_end)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		cr_assert(peer_exchange(&one, "GET", "200"));
		peer_say(&one, "POST /oauth2/token");
		peer_send(&one, 9);
		cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
		close(one.fd);
		one.fd = -1;
		cr_assert_eq(peer_read(&one, bytes), 0);
		peer_close(&one);
	}
}

Test(tls_stream, a_record_that_was_changed_on_its_way_breaks_it)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		cr_assert(peer_exchange(&one, "GET", "200"));
		peer_say(&one, "POST /oauth2/token");
		char *record = NULL;
		long n = BIO_get_mem_data(one.out, &record);
		record[n - 1] ^= 1;
		peer_send(&one, PEER_BUFFER);
		cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_BROKEN);
		peer_close(&one);
		/* nor is another connection told of that */
		peer_open(&one, *v);
		cr_assert(peer_exchange(&one, "GET", "200"));
		peer_close(&one);
	}
}

Test(tls_stream, an_error_of_somebody_else_is_none_of_its_own)
{
	peer_open(&one, TLS1_3_VERSION);
	ERR_raise(ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING);
	cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
	ERR_raise(ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING);
	cr_assert(peer_exchange(&one, "GET", "200"));
	peer_close(&one);
}

Test(tls_stream, keys_may_be_updated_in_between)
{
	peer_open(&one, TLS1_3_VERSION);
	cr_assert(peer_exchange(&one, "GET", "200"));
	cr_assert_eq(SSL_key_update(one.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	cr_assert(peer_exchange(&one, "GET", "200"));
	cr_assert(peer_exchange(&one, "GET", "200"));
	peer_close(&one);
}

/* OpenSSL then wants to read where it shall write; to wait until it may write would be forever. */
Test(tls_stream, half_a_key_update_breaks_it_when_something_is_written)
{
	peer_open(&one, TLS1_3_VERSION);
	cr_assert(peer_exchange(&one, "GET", "200"));
	peer_say(&one, "GET");
	peer_send(&one, PEER_BUFFER);
	peer_send_handshake(&one, 2, "\x18\0\0\1", 4);
	cr_assert_eq(peer_read(&one, bytes), 3);
	cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
	char answer[] = "200";
	const struct iovec piece = {answer, 3};
	cr_assert_eq(tls_stream_write(&one.stream, &piece, 1), TLS_STREAM_BROKEN);
	peer_close(&one);
}

Test(tls_stream, nobody_renegotiates)
{
	peer_open(&one, TLS1_2_VERSION);
	cr_assert(peer_exchange(&one, "GET", "200"));
	cr_assert_eq(SSL_renegotiate(one.ssl), 1);
	cr_assert_neq(SSL_do_handshake(one.ssl), 1);
	peer_send(&one, PEER_BUFFER);
	cr_assert_lt(peer_read(&one, bytes), 0);
	cr_assert_eq(peer_hear(&one, bytes, sizeof bytes), 0);
	cr_assert_eq(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
	cr_assert_neq(SSL_do_handshake(one.ssl), 1);
	peer_close(&one);
}

/* ---- the buffers ---- */

Test(tls_stream, between_records_it_holds_no_buffer)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		cr_assert_eq(peer_record_buffers(), 0);
		for (int i = 0; i < 2; i++) {
			cr_assert(peer_exchange(&one, "GET", "200"));
			cr_assert_eq(peer_record_buffers(), 0);
		}
		peer_close(&one);
	}
}

/* A request comes in part, while the one before is answered. */
static void come_in_part(int version, size_t first)
{
	peer_open(&one, version);
	cr_assert(peer_exchange(&one, "GET", "200"));
	peer_say(&one, "POST /oauth2/token");
	peer_send(&one, first);
	cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_LATER);
	cr_assert(peer_answer(&one, "200"));
	cr_assert_geq(peer_record_buffers(), 1);
	peer_send(&one, PEER_BUFFER);
	cr_assert_eq(peer_read(&one, bytes), 18);
	cr_assert_arr_eq(bytes, "POST /oauth2/token", 18);
	cr_assert_eq(peer_record_buffers(), 0);
	peer_close(&one);
}

Test(tls_stream, a_record_in_part_stays_when_something_is_written)
{
	EACH_VERSION(v)
	{
		come_in_part(*v, 3);
		come_in_part(*v, 5); /* its head, and nothing more */
		come_in_part(*v, 9);
	}
}

Test(tls_stream, a_record_may_be_read_in_parts_while_something_is_written)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		peer_say(&one, "POST /oauth2/token");
		peer_send(&one, PEER_BUFFER);
		cr_assert_eq(tls_stream_read(&one.stream, bytes, 4), 4);
		cr_assert(peer_answer(&one, "200"));
		cr_assert(tls_stream_holds(&one.stream));
		cr_assert_eq(peer_read(&one, bytes), 14);
		cr_assert_arr_eq(bytes, " /oauth2/token", 14);
		cr_assert_eq(peer_record_buffers(), 0);
		peer_close(&one);
	}
}

/* Writes until the socket is full; returns how many bytes it took. */
static size_t fill(const struct iovec *piece)
{
	size_t all = 0;
	ssize_t n = 0;
	while ((n = tls_stream_write(&one.stream, piece, 1)) > 0)
		all += (size_t)n;
	cr_assert_eq(n, TLS_STREAM_LATER);
	cr_assert(one.stream.stuck);
	return all;
}

/* So many bytes, and one piece more that waited for them. */
static void hear_all(size_t all, const struct iovec *piece)
{
	size_t heard = 0;
	bool written = false;
	for (int i = 0; i < 100 && heard < all + piece->iov_len; i++) {
		size_t n = peer_hear(&one, bytes, sizeof bytes);
		for (size_t j = 0; j < n; j++)
			cr_assert_eq(bytes[j], 'a');
		heard += n;
		if (!written)
			written = tls_stream_write(&one.stream, piece, 1) == (ssize_t)piece->iov_len;
	}
	cr_assert_eq(heard, all + piece->iov_len);
}

Test(tls_stream, a_write_that_waits_for_the_socket_stays_when_something_is_read)
{
	static char answer[10000];
	const struct iovec piece = {answer, sizeof answer};
	memset(answer, 'a', sizeof answer);
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		cr_assert(peer_exchange(&one, "GET", "200"));
		size_t all = fill(&piece);
		cr_assert_geq(peer_record_buffers(), 1);
		peer_say(&one, "POST /oauth2/token");
		peer_send(&one, PEER_BUFFER);
		cr_assert_eq(peer_read(&one, bytes), 18);
		hear_all(all, &piece);
		cr_assert_eq(peer_record_buffers(), 0);
		peer_close(&one);
	}
}

Test(tls_stream, no_buffer_has_what_was_read)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		peer_look_for("this-is-a-secret");
		cr_assert(peer_exchange(&one, "client_secret=this-is-a-secret", "200"));
		cr_assert(peer_exchange(&one, "client_secret=this-is-a-secret", "this-is-a-secret"));
		peer_close(&one);
		cr_assert_not(peer_has_found());
	}
}

/* Nor what was read in part, or had come behind it, or was changed on its way. */
Test(tls_stream, no_buffer_has_what_was_not_read)
{
	EACH_VERSION(v)
	{
		peer_open(&one, *v);
		peer_look_for("this-is-a-secret");
		peer_say(&one, "client_secret=this-is-a-secret");
		peer_say(&one, "client_secret=this-is-a-secret");
		peer_send(&one, PEER_BUFFER);
		cr_assert_eq(tls_stream_read(&one.stream, bytes, 30), 30);
		peer_close(&one);
		cr_assert_not(peer_has_found());
		peer_open(&one, *v);
		cr_assert(peer_exchange(&one, "GET", "200"));
		peer_say(&one, "client_secret=this-is-a-secret");
		char *record = NULL;
		long n = BIO_get_mem_data(one.out, &record);
		record[n - 1] ^= 1;
		peer_send(&one, PEER_BUFFER);
		cr_assert_eq(peer_read(&one, bytes), TLS_STREAM_BROKEN);
		peer_close(&one);
		cr_assert_not(peer_has_found());
	}
}

Test(tls_stream, a_handshake_without_memory_ends_and_the_key_is_read_anew)
{
	EACH_VERSION(v)
	{
		struct peer other;
		peer_open(&one, *v);
		cr_assert_not(peer_contexts_differ(&one));
		peer_begin(&other, *v);
		peer_starve(true);
		cr_assert_eq(peer_read(&other, bytes), TLS_STREAM_BROKEN);
		cr_assert(peer_exchange(&one, "POST /oauth2/token", "HTTP/1.1 200 OK"), "who is there stays");
		peer_starve(false);
		cr_assert(peer_contexts_differ(&one));
		peer_close(&other);
		peer_close(&one);
		peer_open(&one, *v);
		cr_assert_not(peer_contexts_differ(&one));
		cr_assert(peer_exchange(&one, "POST /oauth2/token", "HTTP/1.1 200 OK"));
		peer_close(&one);
	}
}
