/* Before _ssl.c: socketmodule.h would include headers that only Bluetooth's sockets need. */
#include <pyconfig.h>
#undef HAVE_BLUETOOTH_BLUETOOTH_H
#undef HAVE_BLUETOOTH_H
