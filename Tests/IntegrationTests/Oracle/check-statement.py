"""Reads a document from standard input and says what its official checker finds wrong with it: nothing where it is good."""

import json
import sys
import tempfile

kind, text = sys.argv[1], sys.stdin.read()

if kind == "spdx":
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    with tempfile.NamedTemporaryFile("w", suffix=".spdx.json") as file:
        file.write(text)
        file.flush()
        document = parse_file(file.name)
    for message in validate_full_spdx_document(document, "SPDX-2.3")[:10]:
        print(message.validation_message)
elif kind == "cyclonedx":
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        print(str(error)[:2000])
elif kind == "in-toto":
    # Fields that the specifications don't know are refused by the parsers.
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.v1.statement import Statement

    document = json.loads(text)
    statement = Statement([], "", {})
    ParseDict(document, statement.pb)
    statement.validate()
    ParseDict(document["predicate"], Provenance())
elif kind == "kubernetes":
    import kubernetes_validate
    import yaml

    document = yaml.safe_load(text)
    kubernetes_validate.validate(document, "1.31", strict=True)
    # What the checked document says, for the test to look at.
    print(json.dumps(document))
else:
    sys.exit("unknown kind " + kind)
