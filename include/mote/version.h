/* version.h: mote's version; CMake reads it from here. */
#ifndef MOTE_VERSION_H
#define MOTE_VERSION_H

#define MOTE_VERSION "0.1.0"

#endif
