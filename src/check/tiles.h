/* tiles.h: that no two tiles of an operation write the same place. */
#ifndef MOTE_CHECK_TILES_H
#define MOTE_CHECK_TILES_H

#include "check/alone.h"

/* Runs a pass of all rows, tile by tile, and sees where each one writes: in scratch memory, in the
 * layers' structs, in parameters, gradients and dx. MOTE_DATA where two write the same. */
mote_status mote_check_tiles(mote_alone *alone, mote_error *error);

#endif
