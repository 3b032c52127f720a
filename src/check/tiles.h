/* tiles.h: checks that no two tiles of an operation write to the same place. */
#ifndef MOTE_CHECK_TILES_H
#define MOTE_CHECK_TILES_H

#include "check/alone.h"

/* Runs a pass of all rows, tile by tile, and tracks where each tile writes: scratch memory, y, the
 * layers' structs, parameters, gradients and dx. MOTE_DATA if two write to the same place. */
mote_status mote_check_tiles(mote_alone *alone, mote_error *error);

#endif
