/* formats_test.c */
#include <criterion/criterion.h>
