/* libcrypto without zstd, as its own build without it has it (crypto/comp/c_zstd.c): certificates
 * are then not sent compressed by it, and a library of a megabyte is not needed. */
#include <openssl/bio.h>
#include <openssl/comp.h>

COMP_METHOD *COMP_zstd(void)
{
    return NULL;
}

COMP_METHOD *COMP_zstd_oneshot(void)
{
    return NULL;
}

const BIO_METHOD *BIO_f_zstd(void)
{
    return NULL;
}

void ossl_comp_zstd_cleanup(void)
{
}
