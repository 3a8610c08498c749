"""Expressions in, weights over prompts out: tokens, slots, slerp and the mix."""
