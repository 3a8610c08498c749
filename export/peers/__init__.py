"""What wordmorph is measured against: diffusers on the same checkpoint, in turn with ours."""
