"""Is every engine of this machine right, and how fast is it?"""
