/** The examples of RFC 7541, appendix C.2 to C.6: blocks, what they hold, and the dynamic table after each, newest first. */

export interface ExampleBlock {
  readonly hex: string;
  readonly fields: readonly string[];
  readonly table: readonly string[];
}

export interface Example {
  readonly clause: string;
  readonly tableBytes: 256 | 4096;
  readonly blocks: readonly ExampleBlock[];
}

const one = (clause: string, hex: string, fields: readonly string[], table: readonly string[]): Example => ({
  clause,
  tableBytes: 4096,
  blocks: [{ hex, fields, table }],
});

const authority = ':authority: www.example.com';
const noCache = 'cache-control: no-cache';
const custom = 'custom-key: custom-value';

const requests = (clause: string, hexes: readonly [string, string, string]): Example => ({
  clause,
  tableBytes: 4096,
  blocks: [
    { hex: hexes[0], fields: [':method: GET', ':scheme: http', ':path: /', authority], table: [authority] },
    {
      hex: hexes[1],
      fields: [':method: GET', ':scheme: http', ':path: /', authority, noCache],
      table: [noCache, authority],
    },
    {
      hex: hexes[2],
      fields: [':method: GET', ':scheme: https', ':path: /index.html', authority, custom],
      table: [custom, noCache, authority],
    },
  ],
});

const isPrivate = 'cache-control: private';
const date = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const laterDate = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
const location = 'location: https://www.example.com';
const encoding = 'content-encoding: gzip';
const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';

const responses = (clause: string, hexes: readonly [string, string, string]): Example => ({
  clause,
  tableBytes: 256,
  blocks: [
    {
      hex: hexes[0],
      fields: [':status: 302', isPrivate, date, location],
      table: [location, date, isPrivate, ':status: 302'],
    },
    {
      hex: hexes[1],
      fields: [':status: 307', isPrivate, date, location],
      table: [':status: 307', location, date, isPrivate],
    },
    {
      hex: hexes[2],
      fields: [':status: 200', isPrivate, laterDate, location, encoding, cookie],
      table: [cookie, encoding, laterDate],
    },
  ],
});

export const rfcExamples: readonly Example[] = [
  one(
    'C.2.1',
    '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
    ['custom-key: custom-header'],
    ['custom-key: custom-header'],
  ),
  one('C.2.2', '040c2f73616d706c652f70617468', [':path: /sample/path'], []),
  one('C.2.3', '100870617373776f726406736563726574', ['password: secret'], []),
  one('C.2.4', '82', [':method: GET'], []),
  requests('C.3', [
    '828684410f7777772e6578616d706c652e636f6d',
    '828684be58086e6f2d6361636865',
    '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
  ]),
  requests('C.4', [
    '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    '828684be5886a8eb10649cbf',
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
  ]),
  responses('C.5', [
    `4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
     6e1768747470733a2f2f7777772e6578616d706c652e636f6d`.replaceAll(/\s/g, ''),
    '4803333037c1c0bf',
    `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a58
     4f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`.replaceAll(/\s/g, ''),
  ]),
  responses('C.6', [
    `488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
    '4883640effc1c0bf',
    `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672
     c1ab270fb5291f9587316065c003ed4ee5b1063d5007`.replaceAll(/\s/g, ''),
  ]),
];
