#include "tls/socket_bio.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

static int fd_of(BIO *bio)
{
	return *(const int *)BIO_get_data(bio);
}

static bool comes_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int on_read(BIO *bio, char *bytes, int n)
{
	ssize_t taken = recv(fd_of(bio), bytes, (size_t)n, MSG_DONTWAIT);
	BIO_clear_retry_flags(bio);
	if (taken == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	else if (taken < 0 && comes_later())
		BIO_set_retry_read(bio);
	return (int)taken;
}

static int on_write(BIO *bio, const char *bytes, int n)
{
	ssize_t taken = send(fd_of(bio), bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	BIO_clear_retry_flags(bio);
	if (taken < 0 && comes_later())
		BIO_set_retry_write(bio);
	return (int)taken;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): its type is given */
static long on_ctrl(BIO *bio, int what, long n, void *arg)
{
	(void)n, (void)arg;
	if (what == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *socket_bio_method(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *method = type < 0 ? NULL : BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "socket");
	if (method == NULL)
		return NULL;
	BIO_meth_set_read(method, on_read);
	BIO_meth_set_write(method, on_write);
	BIO_meth_set_ctrl(method, on_ctrl);
	return method;
}

BIO *socket_bio_new(const BIO_METHOD *method, int *fd)
{
	BIO *bio = BIO_new(method);
	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, fd);
	BIO_set_init(bio, 1);
	return bio;
}
