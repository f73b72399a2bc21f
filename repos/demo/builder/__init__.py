"""The parts of make-demo, in the order in which the data passes through them:

catalogue  what the distribution holds (packages.txt, packages/*, updates/*)
debian     the .deb files that it is made of
tree       files of one RPM, out of its .debs and its own root/
spec       the spec file of one RPM
rpms       rpmbuild over all of them, with a cache
signing    the key, and what it signs
repository comps, metadata, the directory that is published
release    the definition that provision reads
"""
