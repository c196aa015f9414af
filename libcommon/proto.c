#include "proto.h"

static const struct op_info ops[OP_COUNT] = {
#define X(op, nm, h, f, t)                                                     \
	[OP_##op] = {                                                          \
	    .name = nm, .helper = HELPER_##h, .fields = (f), .text = t},
    PROTO_OPS(X)
#undef X
};

const struct op_info *
op_info(unsigned op)
{
	return op > OP_NONE && op < OP_COUNT ? &ops[op] : NULL;
}
