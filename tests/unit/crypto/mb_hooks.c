#include "mb_hooks.h"

static int spoiled = MB_NONE;
static bool hidden, opens_nothing;

void mb_spoil(int lane)
{
	spoiled = lane;
}

void mb_hide_cpu(bool hide)
{
	hidden = hide;
}

void mb_open_nothing(bool nothing)
{
	opens_nothing = nothing;
}

#if M2M_CRYPTO_MB
#include <crypto_mb/cpu_features.h>
#include <crypto_mb/ec_nistp256.h>
#include <crypto_mb/ed25519.h>
#include <crypto_mb/rsa.h>

static void spoil(int8u *const *to)
{
	if (spoiled != MB_NONE && to[spoiled] != NULL)
		to[spoiled][7] ^= 1;
}

int __real_mbx_is_crypto_mb_applicable(int64u features);
int __wrap_mbx_is_crypto_mb_applicable(int64u features);
int __wrap_mbx_is_crypto_mb_applicable(int64u features)
{
	return hidden ? 0 : __real_mbx_is_crypto_mb_applicable(features);
}

mbx_status __real_mbx_rsa_private_crt_mb8(const int8u *const from[8], int8u *const to[8], const int64u *const p[8],
					  const int64u *const q[8], const int64u *const dp[8], const int64u *const dq[8],
					  const int64u *const iq[8], int bits, const mbx_RSA_Method *m, int8u *buffer);
mbx_status __wrap_mbx_rsa_private_crt_mb8(const int8u *const from[8], int8u *const to[8], const int64u *const p[8],
					  const int64u *const q[8], const int64u *const dp[8], const int64u *const dq[8],
					  const int64u *const iq[8], int bits, const mbx_RSA_Method *m, int8u *buffer);
mbx_status __wrap_mbx_rsa_private_crt_mb8(const int8u *const from[8], int8u *const to[8], const int64u *const p[8],
					  const int64u *const q[8], const int64u *const dp[8], const int64u *const dq[8],
					  const int64u *const iq[8], int bits, const mbx_RSA_Method *m, int8u *buffer)
{
	mbx_status status = __real_mbx_rsa_private_crt_mb8(from, to, p, q, dp, dq, iq, bits, m, buffer);
	spoil(to);
	return status;
}

mbx_status __real_mbx_rsa_public_mb8(const int8u *const from[8], int8u *const to[8], const int64u *const n[8], int bits,
				     const mbx_RSA_Method *m, int8u *buffer);
mbx_status __wrap_mbx_rsa_public_mb8(const int8u *const from[8], int8u *const to[8], const int64u *const n[8], int bits,
				     const mbx_RSA_Method *m, int8u *buffer);
mbx_status __wrap_mbx_rsa_public_mb8(const int8u *const from[8], int8u *const to[8], const int64u *const n[8], int bits,
				     const mbx_RSA_Method *m, int8u *buffer)
{
	return opens_nothing ? MBX_SET_STS_ALL(MBX_STATUS_SIGNATURE_ERR) : __real_mbx_rsa_public_mb8(from, to, n, bits, m, buffer);
}

mbx_status __real_mbx_nistp256_ecdsa_sign_mb8(int8u *r[8], int8u *s[8], const int8u *const msg[8], const int64u *const k[8],
					      const int64u *const d[8], int8u *buffer);
mbx_status __wrap_mbx_nistp256_ecdsa_sign_mb8(int8u *r[8], int8u *s[8], const int8u *const msg[8], const int64u *const k[8],
					      const int64u *const d[8], int8u *buffer);
mbx_status __wrap_mbx_nistp256_ecdsa_sign_mb8(int8u *r[8], int8u *s[8], const int8u *const msg[8], const int64u *const k[8],
					      const int64u *const d[8], int8u *buffer)
{
	mbx_status status = __real_mbx_nistp256_ecdsa_sign_mb8(r, s, msg, k, d, buffer);
	spoil(s);
	return status;
}

mbx_status __real_mbx_ed25519_sign_mb8(ed25519_sign_component *r[8], ed25519_sign_component *s[8], const int8u *const msg[8],
				       const int32u n[8], const ed25519_private_key *const private[8],
				       const ed25519_public_key *const public[8]);
mbx_status __wrap_mbx_ed25519_sign_mb8(ed25519_sign_component *r[8], ed25519_sign_component *s[8], const int8u *const msg[8],
				       const int32u n[8], const ed25519_private_key *const private[8],
				       const ed25519_public_key *const public[8]);
mbx_status __wrap_mbx_ed25519_sign_mb8(ed25519_sign_component *r[8], ed25519_sign_component *s[8], const int8u *const msg[8],
				       const int32u n[8], const ed25519_private_key *const private[8],
				       const ed25519_public_key *const public[8])
{
	mbx_status status = __real_mbx_ed25519_sign_mb8(r, s, msg, n, private, public);
	spoil((int8u *const *)s);
	return status;
}

mbx_status __real_mbx_nistp256_ecdsa_verify_mb8(const int8u *const r[8], const int8u *const s[8], const int8u *const msg[8],
						const int64u *const x[8], const int64u *const y[8], const int64u *const z[8],
						int8u *buffer);
mbx_status __wrap_mbx_nistp256_ecdsa_verify_mb8(const int8u *const r[8], const int8u *const s[8], const int8u *const msg[8],
						const int64u *const x[8], const int64u *const y[8], const int64u *const z[8],
						int8u *buffer);
mbx_status __wrap_mbx_nistp256_ecdsa_verify_mb8(const int8u *const r[8], const int8u *const s[8], const int8u *const msg[8],
						const int64u *const x[8], const int64u *const y[8], const int64u *const z[8], int8u *buffer)
{
	mbx_status status = __real_mbx_nistp256_ecdsa_verify_mb8(r, s, msg, x, y, z, buffer);
	return spoiled == MB_NONE ? status : (mbx_status)((unsigned)status ^ (unsigned)MBX_STATUS_SIGNATURE_ERR << 4 * spoiled);
}
#endif
