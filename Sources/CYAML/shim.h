// libyaml: the event parser behind topology.yaml. Debian: libyaml-dev.
#include <yaml.h>
