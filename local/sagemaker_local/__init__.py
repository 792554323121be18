"""An embedded AWS for laptops and CI: the parts of AWS that these stacks use, in one process."""
