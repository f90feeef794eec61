// .proto text in and out: what is parsed is printed in the form of Confluent's server, and what is printed parses to the same text again.
import { describe, expect, test } from 'vitest'
import { type ProtobufDocument, parseProtobuf } from '../../../src/registry/protobuf/document.ts'

const canonical = (text: string, { normalize = false, known = {} }: { normalize?: boolean; known?: Record<string, ProtobufDocument> } = {}): string =>
  parseProtobuf(text, new Map(Object.entries(known)), { normalize }).text

describe('canonical text', () => {
  test('has each part in its place, without comments', () => {
    expect(canonical(`// head
      syntax = "proto3"; package shop;
      import "google/protobuf/timestamp.proto"; option java_package = 'com.shop';
      service Orders { rpc Place (Order) returns (stream Order) { option deprecated = true; } }
      /* an enum */ enum State { NEW = 0; PAID = 1 [deprecated = true]; }
      message Order { message Line { string sku = 1; int32 count = 2; } // inner
        oneof payment { string card = 4; bytes cash = 5; }
        string id = 1; repeated Line lines = 2 [json_name = "items", deprecated = true]; map<string,State> states = 3; optional int64 total = 6;
        google.protobuf.Timestamp at = 7; reserved 8, 10 to 12; reserved "old"; }`)).toBe(`syntax = "proto3";
package shop;

import "google/protobuf/timestamp.proto";

option java_package = "com.shop";

message Order {
  reserved 8, 10 to 12;
  reserved "old";

  string id = 1;
  repeated Line lines = 2 [
    deprecated = true,
    json_name = "items"
  ];
  map<string, State> states = 3;
  optional int64 total = 6;
  google.protobuf.Timestamp at = 7;

  oneof payment {
    string card = 4;
    bytes cash = 5;
  }

  message Line {
    string sku = 1;
    int32 count = 2;
  }
}
enum State {
  NEW = 0;
  PAID = 1 [deprecated = true];
}

service Orders {
  rpc Place (Order) returns (stream Order) {
    option deprecated = true;
  };
}
`)
  })
})

describe('refused', () => {
  test.each([
    ['a missing semicolon', 'syntax = "proto3";\nmessage A {\n  string a = 1\n}', /4:1: expected ';', found '}'/],
    ['an unknown type', 'syntax = "proto3"; message A { B b = 1; }', /Could not resolve type: "B"/],
    ['an import that leads nowhere', 'syntax = "proto3"; import "b.proto";', /Could not resolve import "b.proto"/],
    ['two fields with one number', 'syntax = "proto3"; message A { string a = 1; string b = 1; }', /two fields with the number 1/],
  ])('%s', (_what, text, reason) => {
    expect(() => canonical(text)).toThrow(reason)
  })
})
